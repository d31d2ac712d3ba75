"""The engine's tasks: one async function each, joined by app.py, never by each other."""
