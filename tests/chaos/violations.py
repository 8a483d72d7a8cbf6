"""What a check is, and what it finds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant: what contradicts it, and the words by which the history shows how it came about."""

    invariant: str
    what: str
    about: Sequence[str]


def _always(_: Evidence) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. `can_run` tells whether its part of the product and its source are there."""

    name: str
    find: Callable[[Evidence], Iterator[Violation]]
    can_run: Callable[[Evidence], bool] = _always
