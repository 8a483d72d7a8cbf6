"""The fault points as the source text has them, and the steps of money that must have one beside them."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.house.sources import Finding, Source, calls, functions

MONEY_ROOMS = (
    "app/payments",
    "app/links",
    "app/refunds",
    "app/disputes",
    "app/settlements",
    "app/ledger",
    "app/outbox",
    "app/inbox",
    "app/gateways",
)

STEPS: Mapping[str, re.Pattern[str]] = {
    "a commit": re.compile(r"(^|\.)transaction$"),
    "a mark of the outbox": re.compile(r"\.(finish_item|postpone_item)$"),
    "a mark of the inbox": re.compile(r"\.finish_event$"),
    "a call of the processor": re.compile(r"\.transport\.send$"),
}
"""What must not be survived by chance: by what it is called in the source text."""


@dataclass(frozen=True, slots=True)
class Point:
    """One call of `faultpoint`; its name may hold a part that only the run knows."""

    path: str
    name: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what the names that it has in a run look like."""
        return re.compile(".+".join(re.escape(part) for part in self.name.split("{}")))


def points_of(source: Source) -> Iterator[Point]:
    """Yield every fault point of a module."""
    for call, name in calls(source.tree):
        if name == "faultpoint":
            yield Point(source.path, _name(call.args[0]))


def unmarked(source: Source) -> Iterator[Finding]:
    """Yield the steps of money in functions that have no fault point."""
    for function in functions(source.tree):
        names = [name for _, name in calls(function)]
        if "faultpoint" in names:
            continue
        for name in names:
            for what, pattern in STEPS.items():
                if pattern.search(name):
                    yield Finding(source.path, function.lineno, f"{function.name}: {what} ({name})")


def _name(argument: ast.expr) -> str:
    match argument:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
        case _:
            message = "the name of a fault point is written where it stands"
            raise ValueError(message)
