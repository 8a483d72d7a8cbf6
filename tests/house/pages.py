"""The parts of the documents that are drawn from the code: `python -m tests.house.pages` writes them anew.

Drawn are the state tables (docs/reference/states.md), the order of the rooms (a block of ARCHITECTURE.md), the column
of docs/reference/failure-rows.md that names the tests, and the list of rows that are still open in
docs/reliability.md, and the alarms for the Prometheus operator (deploy/k8s). What people wrote around them stays.
"""

import ast
import importlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.customers.models import ERASURE_TRANSITIONS as ERASURE_MOVES
from app.disputes.models import TRANSITIONS as DISPUTE_MOVES
from app.inbox.models import TRANSITIONS as EVENT_MOVES
from app.kit.transitions import Transitions
from app.links.models import TRANSITIONS as LINK_MOVES
from app.notices.models import TRANSITIONS as NOTICE_MOVES
from app.outbox.models import TRANSITIONS as ITEM_MOVES
from app.payments.models import ORDER_TRANSITIONS as ORDER_MOVES
from app.payments.models import SUSPENSE_TRANSITIONS as SUSPENSE_MOVES
from app.payments.models import TRANSITIONS as PAYMENT_MOVES
from app.refunds.models import TRANSITIONS as REFUND_MOVES
from app.web.errors import errors_markdown
from tests.deploy.rules import RULES, rules_page
from tests.house.rooms import layers, problems
from tests.house.sources import ROOT, functions, sources

ERRORS = "docs/reference/errors.md"
STATES = "docs/reference/states.md"
ROWS = "docs/reference/failure-rows.md"
ROOMS = "ARCHITECTURE.md"
RELIABILITY = "docs/reliability.md"
UNPROVED = "no test yet"
COMMAND = "write it anew: python -m tests.house.pages"

_ROW_ID = re.compile(r"[a-z][0-9]{1,2}")
_ROW = re.compile(r"^\|\s*([A-Z][0-9]{1,2})\s*\|([^|\n]*)\|([^|\n]*)\|([^|\n]*)\|$", re.MULTILINE)
_ROOMS_BLOCK = re.compile(r"(<!-- rooms: drawn -->\n).*?(<!-- end of rooms -->)", re.DOTALL)
_OPEN_BLOCK = re.compile(r"(<!-- unproved rows: drawn -->\n).*?(<!-- end of unproved rows -->)", re.DOTALL)
_TABLES: tuple[tuple[str, str, Transitions[Any]], ...] = (
    ("Payment", "app/payments/models.py", PAYMENT_MOVES),
    ("Order at the processor", "app/payments/models.py", ORDER_MOVES),
    ("Refund", "app/refunds/models.py", REFUND_MOVES),
    ("Dispute", "app/disputes/models.py", DISPUTE_MOVES),
    ("Money in suspense", "app/payments/models.py", SUSPENSE_MOVES),
    ("Payment link", "app/links/models.py", LINK_MOVES),
    ("Event of the processor", "app/inbox/models.py", EVENT_MOVES),
    ("Erasure of a customer", "app/customers/models.py", ERASURE_MOVES),
    ("Item of the outbox", "app/outbox/models.py", ITEM_MOVES),
    ("Notice", "app/notices/models.py", NOTICE_MOVES),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One failure: what must hold, the tests that show it, and what is still open."""

    id: str
    statement: str
    shown_by: tuple[str, ...]
    still_open: str

    def __str__(self) -> str:
        tests = "<br>".join(f"`{test}`" for test in self.shown_by)
        return f"| {self.id} | {self.statement} | {tests} | {self.still_open} |"


def errors_page() -> str:
    """Return the reference of every error code of the product."""
    known = {problem.code for problem in problems()}
    head, *sections = re.split(r"^(?=## )", errors_markdown(), flags=re.MULTILINE)
    return head + "".join(section for section in sections if section.split("\n", 1)[0].removeprefix("## ") in known)


def states_page() -> str:
    """Return the state tables as diagrams."""
    lines = [
        "# States",
        "",
        "Drawn from the tables in the code by `python -m tests.house.pages`. A move that is not here can't happen: the",
        "table is also the filter of the update that would make it.",
        "",
    ]
    for title, path, moves in _TABLES:
        members = list(moves.table)
        fact = " ".join((type(members[0]).__doc__ or "").split())
        lines += [f"## {title}", "", f"{fact} (`{path}`)", "", "```mermaid", "stateDiagram-v2"]
        lines += [f"    [*] --> {members[0].value}"]
        lines += [f"    {line}" for member in members for line in _arrows(member, moves)]
        lines += ["```", ""]
    return "\n".join(lines)


def _arrows(member: StrEnum, moves: Transitions[Any]) -> Iterator[str]:
    if moves.is_final(member):
        yield f"{member.value} --> [*]"
    for target in moves.table:
        if moves.allows(member, target):
            yield f"{member.value} --> {target.value}"


def rooms_block() -> str:
    """Return the rooms from top to bottom, each with the first sentence of its docstring."""
    drawn = [[(room, _fact(room)) for room in layer] for layer in layers()]
    width = max(len(room) for layer in drawn for room, _ in layer)
    pictures = ["\n".join(f"{room:<{width}}  {fact}" for room, fact in layer) for layer in drawn]
    rule = f"\n{'─' * (width + 2)}\n"
    return f"```text\n{rule.join(pictures)}\n```\n"


def _fact(room: str) -> str:
    module = importlib.import_module(f"app.{room}")
    return (module.__doc__ or "").strip().splitlines()[0]


def with_rooms(text: str) -> str:
    """Return the architecture with the picture of the rooms as it is now."""
    return _ROOMS_BLOCK.sub(lambda found: f"{found[1]}{rooms_block()}{found[2]}", text)


def row_tests() -> Mapping[str, tuple[str, ...]]:
    """Return for each failure row the tests whose names begin with its id."""
    found: dict[str, set[str]] = {}
    for source in sources("tests"):
        if not source.name.startswith("test_"):
            continue
        for function in functions(source.tree):
            for row in rows_named(function.name):
                found.setdefault(row, set()).add(f"{source.path}::{function.name}")
    return {row: tuple(sorted(tests)) for row, tests in found.items()}


def rows_named(function: str) -> Iterator[str]:
    """Yield the row ids that a test's name begins with: `test_a3_c3_a_lost_answer` names A3 and C3."""
    head, *words = function.split("_")
    if head != "test":
        return
    for word in words:
        if not _ROW_ID.fullmatch(word):
            return
        yield word.upper()


def read_rows(text: str) -> list[Row]:
    """Return the rows of the page as they stand there."""
    return [
        Row(row, statement.strip(), tuple(re.findall(r"`([^`]+)`", tests)), still_open.strip())
        for row, statement, tests, still_open in _ROW.findall(text)
    ]


def with_tests(text: str, tests: Mapping[str, tuple[str, ...]]) -> str:
    """Return the page with the tests that carry each row's id now; what people wrote stays."""

    def redrawn(found: re.Match[str]) -> str:
        row, statement, _, still_open = (cell.strip() for cell in found.groups())
        shown_by = tests.get(row, ())
        still_open = "" if shown_by and still_open == UNPROVED else still_open
        return str(Row(row, statement, shown_by, still_open or ("" if shown_by else UNPROVED)))

    return _ROW.sub(redrawn, text)


def with_open_rows(text: str, rows: Sequence[Row]) -> str:
    """Return the page on reliability with the rows that are open now, each with its reason."""
    lines = ["| Row | What must hold | Why not yet |", "| --- | --- | --- |"]
    lines += [f"| {row.id} | {row.statement} | {row.still_open} |" for row in rows if row.still_open]
    table = "\n".join(lines) + "\n"
    return _OPEN_BLOCK.sub(lambda found: f"{found[1]}{table}{found[2]}", text)


def defined_tests(path: str) -> set[str]:
    """Return the names of the functions in a file; none when there is no such file."""
    file = ROOT / path
    return {function.name for function in functions(ast.parse(file.read_text("utf-8")))} if file.is_file() else set()


def write() -> None:
    """Write every drawn part anew."""
    (ROOT / STATES).write_text(states_page(), encoding="utf-8")
    (ROOT / RULES).write_text(rules_page(), encoding="utf-8")
    for name, redraw in ((ROOMS, with_rooms), (ROWS, lambda text: with_tests(text, row_tests()))):
        file = ROOT / name
        file.write_text(redraw(file.read_text(encoding="utf-8")), encoding="utf-8")
    # After the rows, whose remarks it repeats.
    page, rows = ROOT / RELIABILITY, read_rows((ROOT / ROWS).read_text(encoding="utf-8"))
    page.write_text(with_open_rows(page.read_text(encoding="utf-8"), rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
