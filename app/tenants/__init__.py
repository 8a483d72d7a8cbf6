"""Merchants: who takes money here, through which account at the processor."""
