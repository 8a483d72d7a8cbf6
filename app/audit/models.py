"""Audit entries as values, and the chain that shows tampering."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.kit.clock import to_rfc3339

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: a user, an API key, or the system itself."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed. `digest` covers the entry and the digest before it, so that no entry can be altered or removed."""

    id: str
    sequence: int
    at: datetime
    actor: Actor
    action: str
    target: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    previous: str
    digest: str = ""

    def computed_digest(self) -> str:
        """Return the digest that this entry must carry."""
        facts = [
            self.id,
            self.sequence,
            to_rfc3339(self.at),
            self.actor.kind,
            self.actor.id,
            self.action,
            self.target,
            dict(self.before),
            dict(self.after),
            self.previous,
        ]
        # Deeds hold JSON only: anything else was put there by others, and must not stop the check.
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), default=repr)
        return hashlib.sha256(text.encode()).hexdigest()
