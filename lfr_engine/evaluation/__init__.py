"""Honest figures: datasets, protocols, metrics, simulation, bench."""
