"""Identifiers of our own: prefixed, sortable by birth, and impossible to mistake for the processor's.

The part behind the prefix is 26 characters of Crockford's base 32: 48 bits of milliseconds, then 80 random bits
(the layout of a ULID). Razorpay's ids have a prefix of their own (`order_ pay_ rfnd_`) and 14 characters.
"""

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from app.kit.clock import Clock, SystemClock

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_BYTES = 10
_BIRTH_LETTERS = 10
_STOCK = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
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
    REFUND = "ref"
    DISPUTE = "dsp"
    LEDGER_ENTRY = "ent"
    OUTBOX_ITEM = "job"
    VIOLATION = "vio"
    LINK = "lnk"
    ENDPOINT = "wep"
    DELIVERY = "dlv"
    CUSTOMER = "cus"
    NOTICE = "ntc"
    SETTLEMENT = "stl"
    SETTLEMENT_LINE = "sln"


class Ids(Protocol):
    """Where new ids come from."""

    def new(self, prefix: Prefix) -> str:
        """Return an id nobody has had before."""
        ...


class _Randomness:
    """The operating system's randomness, fetched for many ids at once: each call of the system costs more than an id.

    A forked child throws away what it inherited, or it would give out the ids of its parent.
    """

    def __init__(self) -> None:
        self._stock: list[int] = []
        os.register_at_fork(after_in_child=self._stock.clear)

    def next(self) -> int:
        """Return 80 random bits."""
        try:
            return self._stock.pop()
        except IndexError:
            fresh = os.urandom(_BYTES * _STOCK)
            self._stock += [
                int.from_bytes(fresh[start : start + _BYTES]) for start in range(_BYTES, len(fresh), _BYTES)
            ]
            return int.from_bytes(fresh[:_BYTES])


_randomness = _Randomness()


@dataclass(frozen=True, slots=True)
class RandomIds:
    """Ids from the clock and the operating system's randomness."""

    clock: Clock = field(default_factory=SystemClock)

    def new(self, prefix: Prefix) -> str:
        """Return `<prefix>_` and 26 characters that sort by time of birth."""
        return f"{prefix}_{_encode(_birth(self.clock.now()) | _randomness.next())}"


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


def first_id(prefix: Prefix, moment: datetime) -> str:
    """Return what sorts in front of every id with this prefix that is born at a moment or later."""
    return f"{prefix}_{_encode(_birth(moment))}"


def born_at(known: str) -> datetime:
    """Return when an id of ours was born, to the millisecond."""
    body = known.partition("_")[2]
    number = 0
    for letter in body[:_BIRTH_LETTERS]:
        number = number << 5 | _ALPHABET.index(letter)
    return _EPOCH + number * _MILLISECOND


def _birth(moment: datetime) -> int:
    # In whole numbers: a float loses milliseconds far from today, and an id would sort in front of its own birth.
    return (moment - _EPOCH) // _MILLISECOND << 80


def _encode(number: int) -> str:
    # Two letters at a time: an id is made for every request, and this halves its cost.
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
