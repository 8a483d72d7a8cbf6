"""Refunds: money on its way back to the customer, never more than was captured."""
