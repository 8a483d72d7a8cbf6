"""HMAC-SHA256 in lower-case hex, over what each kind of message is made of (razorpay.md section 10.1)."""

import hashlib
import hmac


def sign(message: bytes, secret: str) -> str:
    """Return the signature of some bytes."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def sign_checkout(order_id: str, payment_id: str, *, key_secret: str) -> str:
    """Return the signature that checkout hands to the browser."""
    return sign(f"{order_id}|{payment_id}".encode(), key_secret)


def sign_payment_link(link_id: str, reference_id: str, status: str, payment_id: str, *, key_secret: str) -> str:
    """Return the signature of a payment link's callback."""
    return sign(f"{link_id}|{reference_id}|{status}|{payment_id}".encode(), key_secret)


def sign_subscription(payment_id: str, subscription_id: str, *, key_secret: str) -> str:
    """Return the signature of a subscription's first payment: the payment comes first here."""
    return sign(f"{payment_id}|{subscription_id}".encode(), key_secret)
