"""Recovery: finds money that nobody told us about, and holds the invariants against the live database."""
