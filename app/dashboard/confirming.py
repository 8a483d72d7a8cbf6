"""The page between a wish and its deed: it says what will happen, and carries the form that does it."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from app.dashboard.door import Desk
from app.kit.errors import Problem

ONCE = "once"
_ONCE_BYTES = 18


@dataclass(frozen=True, slots=True)
class Question:
    """What is about to happen.

    Attributes:
        title: the deed, as a question.
        says: what it means, a sentence each.
        button: what is on the button.
        back: where nothing happens.
        tone: `main`, or `danger` for what can't be taken back.
        facts: pairs of a name and a value, to recognise what it is about.
        fields: what is asked for: names of a part of the template.
        values: what those fields hold.
        errors: what is wrong with them.
        hidden: what the form carries beside them.
    """

    title: str
    says: Sequence[str]
    button: str
    back: str
    tone: str = "main"
    facts: Sequence[tuple[str, Any]] = ()
    fields: Sequence[str] = ()
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)


async def ask(desk: Desk, question: Question, *, status: int = 200, is_spent: bool = False) -> Response:
    """Show the question; its form goes to the address that it stands at.

    A form that comes back carries the same key as before, unless a deed that has ended has taken that.
    """
    once = desk.form.get(ONCE) if desk.request.method == "POST" and not is_spent else None
    return await desk.show(
        "confirm.html", status=status, question=question, once=once or secrets.token_urlsafe(_ONCE_BYTES)
    )


async def carry_out(desk: Desk, deed: Callable[[], Awaitable[object]], *, back: str, notice: str) -> Response:
    """Do it, and go back to where it shows; a refusal is told there."""
    try:
        await deed()
    except Problem as problem:
        return desk.refused(back, problem)
    return desk.done(back, notice)
