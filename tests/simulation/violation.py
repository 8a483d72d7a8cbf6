"""What a run found wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and the ids that it is about."""

    invariant: str
    what: str
    about: frozenset[str] = frozenset()


def about(*ids: str | None) -> frozenset[str]:
    """Return those of the ids that there are."""
    return frozenset(one for one in ids if one)
