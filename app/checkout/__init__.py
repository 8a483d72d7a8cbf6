"""The hosted checkout: a payment's own page, the way to the processor and back, the true outcome, the receipt."""
