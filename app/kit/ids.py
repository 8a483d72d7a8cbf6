"""Identifiers of our own: prefixed, sortable by birth, and impossible to mistake for the processor's.

The part behind the prefix is 26 characters of Crockford's base 32: 48 bits of milliseconds, then 80 random bits
(the layout of a ULID). Razorpay's ids have a prefix of their own (`order_ pay_ rfnd_`) and 14 characters.
"""

import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from app.kit.clock import Clock, SystemClock

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_BODY = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


class Prefix(StrEnum):
    """What an id names. The words are permanent: clients store them."""

    PAYMENT = "pmt"
    MERCHANT = "mer"
    USER = "usr"
    SESSION = "ses"
    API_KEY = "key"
    EVENT = "evt"
    REQUEST = "req"
    LEASE = "lse"
    SUSPENSE = "sus"
    AUDIT = "aud"


class Ids(Protocol):
    """Where new ids come from."""

    def new(self, prefix: Prefix) -> str:
        """Return an id nobody has had before."""
        ...


@dataclass(frozen=True, slots=True)
class RandomIds:
    """Ids from the clock and the operating system's randomness."""

    clock: Clock = field(default_factory=SystemClock)

    def new(self, prefix: Prefix) -> str:
        """Return `<prefix>_` and 26 characters that sort by time of birth."""
        milliseconds = int(self.clock.now().timestamp() * 1000)
        return f"{prefix}_{_encode((milliseconds << 80) | secrets.randbits(80))}"


@dataclass(slots=True)
class SequentialIds:
    """Ids that count up: for tests that compare whole answers."""

    last: int = 0

    def new(self, prefix: Prefix) -> str:
        """Return the next id in order."""
        self.last += 1
        return f"{prefix}_{_encode(self.last)}"


def is_id(text: str, prefix: Prefix) -> bool:
    """Tell whether a text has the form of an id with this prefix."""
    head, separator, body = text.partition("_")
    return head == prefix and separator == "_" and _BODY.fullmatch(body) is not None


def _encode(number: int) -> str:
    # Two letters at a time: an id is made for every request, and this halves its cost.
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
