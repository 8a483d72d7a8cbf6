"""Payments: from the order at the processor to captured money, and every way to learn of it."""
