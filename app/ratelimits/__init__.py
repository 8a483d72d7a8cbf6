"""How often one asker may ask: budgets per key, user and address, counted here or, for all instances, in Redis."""
