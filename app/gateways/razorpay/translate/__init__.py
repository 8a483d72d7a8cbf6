"""Pure conversions: Razorpay's shapes to the port's nouns, and ours to Razorpay's request bodies.

Whatever the body is, a conversion either returns a noun or raises `Unreadable`; a property test says so.
"""
