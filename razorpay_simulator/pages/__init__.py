"""The pages for people: the checkout with its bank, what it tells the merchant's site, and the console (10.2)."""

from razorpay_simulator.pages.checkout import checkout_routes
from razorpay_simulator.pages.console import console_routes

__all__ = ["checkout_routes", "console_routes"]
