"""Customers: who paid a merchant, gathered from completed payments; nobody enters them."""
