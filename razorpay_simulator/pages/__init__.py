"""The checkout for people: a page, its script, and what it tells the merchant's site (razorpay.md section 10.2)."""

from razorpay_simulator.pages.checkout import checkout_routes

__all__ = ["checkout_routes"]
