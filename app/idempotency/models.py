"""Nouns of the keeper: a lease on a key, and the answer it once gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class KeyState(StrEnum):
    """Whether a key's answer is known."""

    OPEN = "open"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a request for a key: whoever holds the current owner token may write the answer."""

    tenant: str
    key_id: str
    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered, to be given again byte by byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes
