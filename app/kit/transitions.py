"""State tables as data, with the readers they need."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transitions(Generic[S]):
    """Which state may follow which. Every member of the enum has a row, so that a new state can't be forgotten."""

    table: Mapping[S, frozenset[S]]

    def __post_init__(self) -> None:
        """Refuse a table that leaves a state out."""
        members = set(type(next(iter(self.table))))
        if missing := members - set(self.table):
            message = f"the table has no row for {', '.join(sorted(missing))}"
            raise ValueError(message)

    def allows(self, current: S, target: S) -> bool:
        """Tell whether the move is in the table."""
        return target in self.table[current]

    def sources(self, target: S) -> frozenset[S]:
        """Return the states from which the target may be reached in one move: the filter of an atomic update."""
        return frozenset(state for state, targets in self.table.items() if target in targets)

    def is_final(self, state: S) -> bool:
        """Tell whether nothing follows this state."""
        return not self.table[state]
