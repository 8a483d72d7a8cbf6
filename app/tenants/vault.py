"""Secrets at rest: AES-256-GCM under a key derived from SECRET_KEY, with the previous key for rotation.

A sealed text is `v1.<key>.<nonce and ciphertext>`; the purpose and the owner are authenticated with it, so that a
sealed value moved to another merchant's document does not open.
"""

import base64
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = "v1"
_NONCE_BYTES = 12
_KEY_BYTES = 32


class SealBroken(RuntimeError):
    """A stored secret does not open with the keys at hand: SECRET_KEY was changed without SECRET_KEY_PREVIOUS."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens secrets. The first master seals; every master opens. The representation shows no key."""

    _keys: tuple[tuple[str, bytes], ...]

    def __repr__(self) -> str:
        return "Vault()"

    @classmethod
    def of(cls, *masters: str) -> "Vault":
        """Return a vault for the current master secret and, behind it, previous ones; empty ones are left out."""
        return cls(tuple((_name(master), _derive(master)) for master in masters if master))

    def seal(self, secret: str, *, purpose: str) -> str:
        """Return the secret as it may be stored. `purpose` says what it is and whose."""
        name, key = self._keys[0]
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, secret.encode(), purpose.encode())
        return f"{_VERSION}.{name}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, purpose: str) -> str:
        """Return the secret. Raises SealBroken."""
        try:
            version, name, content = sealed.split(".", 2)
            raw = base64.urlsafe_b64decode(content)
            key = dict(self._keys).get(name)
            if version != _VERSION or key is None:
                raise SealBroken
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, ValueError):
            # ValueError: it was cut, or is no sealed text at all.
            raise SealBroken from None


def _name(master: str) -> str:
    return hashlib.sha256(b"vault-key-name:" + master.encode()).hexdigest()[:8]


def _derive(master: str) -> bytes:
    return HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=b"payment-gateway vault v1").derive(master.encode())
