"""The engine on a socket: domain to wire, server, permissions."""
