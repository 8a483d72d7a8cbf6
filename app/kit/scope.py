"""Whose data, and which money: the first argument of every verb and every query."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Test money or live money. The two never meet: keys, processor credentials and documents belong to one."""

    TEST = "test"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Scope:
    """One merchant's books in one mode."""

    tenant: str
    mode: Mode

    @property
    def livemode(self) -> bool:
        """Tell whether real money moves here."""
        return self.mode is Mode.LIVE
