"""Who did what: an append-only log with a hash chain per merchant."""
