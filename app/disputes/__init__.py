"""Disputes: money that a customer's bank asks back, with deadlines and evidence."""
