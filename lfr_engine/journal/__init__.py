"""The tamper-evident record: a hash-chained, signed event store."""
