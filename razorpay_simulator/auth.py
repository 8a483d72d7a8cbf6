"""HTTP Basic, as the processor reads it."""

import base64
import binascii
import hmac

from razorpay_simulator.errors import authentication_failed
from razorpay_simulator.world import Account, World


def authenticate(world: World, header: bytes | None, *, is_public: bool) -> Account:
    """Return the account whose key was used.

    Args:
        world: knows the accounts.
        header: the Authorization header, None when there is none.
        is_public: whether the key id with an empty secret is enough.

    Raises:
        ApiError: the key is missing, unknown or wrong.
    """
    if header is None or not header.startswith(b"Basic "):
        raise authentication_failed()
    try:
        key_id, colon, secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise authentication_failed() from None
    account = world.accounts.get(key_id)
    if account is None or not colon:
        raise authentication_failed()
    if is_public and not secret:
        return account
    if not hmac.compare_digest(secret.encode(), account.key_secret.encode()):
        raise authentication_failed()
    return account
