"""The page of what was made just now and is shown this once: a secret, and what belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from app.dashboard.door import Desk


@dataclass(frozen=True, slots=True)
class Made:
    """A new secret.

    Attributes:
        title: what was made.
        says: what to do with it, a sentence or two.
        copied: pairs of a name and a text to copy; the secret first.
        back: where to go on to.
        facts: pairs of a name and a value, to recognise what it is for.
        hint: how it is used.
    """

    title: str
    says: str
    copied: Sequence[tuple[str, str]]
    back: str
    facts: Sequence[tuple[str, str]] = ()
    hint: str = ""


async def reveal(desk: Desk, made: Made) -> Response:
    """Show the secret: it is nowhere to be seen again."""
    return await desk.show("revealed.html", made=made)
