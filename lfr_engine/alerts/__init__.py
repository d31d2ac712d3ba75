"""From sightings to decisions: pure evidence, policy and adjudication tables."""
