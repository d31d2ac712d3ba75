"""What may be written into the journal: one typed event per kind, grouped by who writes it."""
