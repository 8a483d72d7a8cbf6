"""What of a notice is personal, sealed; and the digest by which a recipient is counted without being known."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.kit.scope import Scope
from app.kit.signing import derived_key
from app.notices.models import Notice
from app.tenants.channels import Channel
from app.tenants.vault import SealBroken, Vault

_PURPOSE = "notices v1"
_LENGTH = 40

Facts = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Private:
    """Whom a notice goes to, and what is put into its text. The representation shows neither."""

    to: str = field(repr=False)
    facts: Facts = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoticeSecrets:
    """Seals what is personal, and opens it again. The representation shows no key."""

    vault: Vault
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, vault: Vault, secret: str) -> "NoticeSecrets":
        """Return them with keys made of the secret. After its rotation, who is counted is counted anew."""
        return cls(vault, derived_key(secret, purpose=_PURPOSE))

    def seal(self, scope: Scope, notice_id: str, private: Private) -> str:
        """Return what may be stored; moved to another notice it does not open."""
        return self.vault.seal(json.dumps([private.to, dict(private.facts)]), purpose=_purpose(scope, notice_id))

    def open(self, notice: Notice) -> Private | None:
        """Return what was sealed; None when the key is gone."""
        try:
            to, facts = json.loads(self.vault.open(notice.sealed, purpose=_purpose(notice.scope, notice.id)))
        except SealBroken:
            return None
        return Private(to, facts)

    def digest(self, scope: Scope, channel: Channel, to: str) -> str:
        """Return by what a recipient of this merchant is counted."""
        message = f"{scope.tenant}\n{scope.mode.value}\n{channel}:{to}".encode()
        return hmac.digest(self.key, message, "sha256").hex()[:_LENGTH]


def _purpose(scope: Scope, notice_id: str) -> str:
    return f"notice {scope.tenant} {scope.mode.value} {notice_id}"
