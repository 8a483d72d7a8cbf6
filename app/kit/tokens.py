"""Ids that may be shown in an address: each with a MAC, so that nobody can guess another one."""

import base64
import hmac
from dataclasses import dataclass

from app.kit.signing import derived_key

_MAC_LENGTH = 22
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class SignedIds:
    """Makes and reads tokens `{id}.{mac}` for one purpose; the MAC has 132 bits. The representation shows no key."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "SignedIds()"

    @classmethod
    def of(cls, secret: str, previous_secret: str = "", *, purpose: str) -> "SignedIds":
        """Return tokens made with the secret; those of the previous one stay good."""
        return cls(tuple(derived_key(one, purpose=purpose) for one in (secret, previous_secret) if one))

    def token_of(self, object_id: str) -> str:
        """Return the token of an id."""
        return f"{object_id}.{_mac(self.keys[0], object_id)}"

    def id_of(self, token: str) -> str | None:
        """Return the id of a genuine token; None for anything else."""
        object_id, _, mac = token[:_LONGEST].rpartition(".")
        given = mac.encode("utf-8", "replace")
        matches = [hmac.compare_digest(_mac(key, object_id).encode(), given) for key in self.keys]
        return object_id if any(matches) else None


def _mac(key: bytes, object_id: str) -> str:
    digest = hmac.digest(key, object_id.encode("utf-8", "replace"), "sha256")
    return base64.urlsafe_b64encode(digest).decode()[:_MAC_LENGTH]
