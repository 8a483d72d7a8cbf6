"""Razorpay behind the port: transport, breaker and budget, wire shapes, pure translation, events."""
