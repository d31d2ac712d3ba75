"""Simulated walk-bys: video of known people approaching a camera, with exact truth."""
