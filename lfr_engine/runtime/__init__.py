"""Trio building blocks without any domain: lanes, links, supervision, telemetry."""
