"""The list of erasures as it is kept beside the backups, one a line, by keyed digests: a restored backup takes it."""

import json
from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from app.customers.erasing import Erasing
from app.customers.models import Erasure
from app.kit.clock import to_rfc3339
from app.kit.scope import Mode, Scope

_SLICE = 500


async def lines_of(erasing: Erasing) -> AsyncIterator[str]:
    """Yield a line for each erasure of all merchants."""
    after = ""
    while rows := await erasing.measure_slice(after=after, limit=_SLICE):
        after = rows[-1].customer_id
        for erasure in rows:
            yield to_line(erasure)


async def apply_lines(erasing: Erasing, lines: Iterable[str]) -> tuple[int, int]:
    """Begin every erasure of a list that is not here; return how many were begun, and how many were here.

    Raises:
        ValueError: a line is none of ours; nothing was begun.
    """
    erasures = [of_line(line) for line in lines if line.strip()]
    begun = [await erasing.repeat_erasure(erasure) for erasure in erasures]
    return sum(begun), len(begun) - sum(begun)


def to_line(erasure: Erasure) -> str:
    """Return an erasure as a line."""
    facts = {
        "customer_id": erasure.customer_id,
        "merchant": erasure.scope.tenant,
        "mode": erasure.scope.mode.value,
        "own": list(erasure.own),
        "names": list(erasure.names),
        "began_at": to_rfc3339(erasure.began_at),
    }
    return json.dumps(facts)


def of_line(line: str) -> Erasure:
    """Return the erasure of a line, as it was when it began. Raises ValueError."""
    try:
        facts = json.loads(line)
        return Erasure(
            customer_id=str(facts["customer_id"]),
            scope=Scope(str(facts["merchant"]), Mode(facts["mode"])),
            own=tuple(str(key) for key in facts["own"]),
            names=tuple(str(key) for key in facts.get("names", facts["own"])),
            began_at=datetime.fromisoformat(facts["began_at"]),
        )
    except (KeyError, TypeError, ValueError):
        # Without the cause: it repeats the line.
        message = "this is no line of `erasures list`"
        raise ValueError(message) from None
