"""Signatures as the Standard Webhooks specification has them: HMAC-SHA256 over id, time and body, in base64."""

import base64
import hmac
import secrets
from collections.abc import Iterable

_PREFIX = "whsec_"
_SECRET_BYTES = 24


def new_secret() -> str:
    """Return a new signing secret."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(message_id: str, timestamp: int, body: bytes, *, secrets: Iterable[str]) -> str:
    """Return the value of the signature header: one signature for each secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(_mac(secret, signed)).decode()}" for secret in secrets)


def _mac(secret: str, signed: bytes) -> bytes:
    return hmac.digest(base64.b64decode(secret.removeprefix(_PREFIX)), signed, "sha256")
