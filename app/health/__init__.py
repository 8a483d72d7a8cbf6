"""Signs of life: health, readiness, database facts and metrics."""
