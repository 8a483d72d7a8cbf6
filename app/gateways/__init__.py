"""What the house asks of a payment processor, and the processors that answer."""
