"""By what a customer is found without their address or number being there to read: keyed digests. Pure.

A digest covers the merchant and the mode, so that nobody who sees two merchants' customers can tell who buys from both.
"""

import hmac
from dataclasses import dataclass

from app.gateways.payer import Payer
from app.kit.scope import Scope
from app.kit.signing import derived_key

_PURPOSE = "customers v1"
_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Names:
    """The keys of somebody: the first of each is made with the present secret, the others with the previous one.

    `own` is theirs alone, `all` finds them; both are empty for nobody.
    """

    own: tuple[str, ...]
    all: tuple[str, ...]
    present: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomerKeys:
    """Makes keys with the secret; those of the previous one are still found. The representation shows no key."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "CustomerKeys()"

    @classmethod
    def of(cls, secret: str, previous_secret: str = "") -> "CustomerKeys":
        """Return keys made with the secret."""
        return cls(tuple(derived_key(one, purpose=_PURPOSE) for one in (secret, previous_secret) if one))

    def names_of(self, scope: Scope, payer: Payer) -> Names:
        """Return the keys of somebody in their one spelling (`plain_payer`)."""
        words = [
            f"{kind}:{value}" for kind, value in (("phone", payer.phone), ("email", payer.email)) if value is not None
        ]
        made = [tuple(_digest(key, scope, word) for key in self.keys) for word in words]
        return Names(
            own=made[0] if made else (),
            all=tuple(key for keys in made for key in keys),
            present=tuple(keys[0] for keys in made),
        )


def _digest(key: bytes, scope: Scope, word: str) -> str:
    message = f"{scope.tenant}\n{scope.mode.value}\n{word}".encode()
    return hmac.digest(key, message, "sha256").hex()[:_LENGTH]
