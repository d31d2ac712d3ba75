"""The terminal UI: a process of its own that speaks only the socket API."""
