"""One key, one effect: the generic keeper of `Idempotency-Key` answers."""
