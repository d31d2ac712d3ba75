"""Clients of the socket API. Imports the protocol and nothing of the engine."""
