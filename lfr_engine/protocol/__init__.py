"""The msgpack wire protocol, sans-io: knows bytes and messages, no sockets, no domain types."""
