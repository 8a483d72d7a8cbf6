"""HMAC-SHA256 signatures, compared in constant time over bytes."""

import hashlib
import hmac
from collections.abc import Iterable

_HEX_LENGTH = 64


def sign_hex(message: bytes, *, secret: str) -> str:
    """Return the lower-case hexadecimal HMAC-SHA256 of the message."""
    return hmac.digest(secret.encode(), message, "sha256").hex()


def is_signed_by_any(message: bytes, signature: str | None, *, secrets: Iterable[str]) -> bool:
    """Tell whether the signature was made with one of the secrets.

    A missing, short, long, upper-case or non-ASCII signature is simply wrong, and an empty secret signs nothing:
    anybody could. Every secret is tried so that the time taken does not tell which one fits.
    """
    if signature is None or len(signature) != _HEX_LENGTH or not signature.isascii():
        return False
    given = signature.encode("ascii")
    matches = [
        hmac.compare_digest(sign_hex(message, secret=secret).encode("ascii"), given) for secret in secrets if secret
    ]
    return any(matches)


def derived_key(secret: str, *, purpose: str) -> bytes:
    """Return a key for one purpose, from which neither the secret nor another purpose's key can be told."""
    return hmac.digest(secret.encode(), f"payment-gateway: {purpose}".encode(), "sha256")


def sha256_hex(*parts: bytes) -> str:
    """Return the SHA-256 of length-prefixed parts, so that no two lists of parts share a digest by concatenation."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
