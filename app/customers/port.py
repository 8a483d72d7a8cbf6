"""Where people stand besides payments and events: in rooms above this one, which wiring joins with an erasure."""

from dataclasses import dataclass
from typing import Protocol

from app.gateways.people import IsTheirs
from app.kit.scope import Scope


class Shelf(Protocol):
    """What keeps people's addresses and numbers, and can be walked in pieces."""

    async def erase_slice(self, scope: Scope, *, after: str, limit: int, is_theirs: IsTheirs) -> tuple[int, str | None]:
        """Take somebody out of what comes next behind an id; done twice, it changes nothing more.

        Returns out of how much they were taken, and the last id that was looked at; None at the end.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shelves:
    """What an erasure walks through besides its own rooms."""

    links: Shelf
    notices: Shelf
