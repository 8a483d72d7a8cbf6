"""Readers of stored documents are tolerant: newer code may have added a field to whatever they read (P6)."""

import ast
from collections.abc import Iterator

from tests.house.sources import Finding, Source, calls, dotted, sources

_READERS = ("store.py", "documents.py")
_TOLERANT = "known_to"


def strict_readers(source: Source) -> Iterator[Finding]:
    """Find values that are made of whatever fields a document happens to have."""
    for call, name in calls(source.tree):
        spread = [word.value for word in call.keywords if word.arg is None]
        if name.rpartition(".")[2][:1].isupper() and not all(map(_is_tolerant, spread)):
            yield Finding(source.path, call.lineno, name)


def _is_tolerant(spread: ast.expr) -> bool:
    if isinstance(spread, ast.Dict):
        return all(_is_tolerant(part) for key, part in zip(spread.keys, spread.values, strict=True) if key is None)
    return isinstance(spread, ast.Call) and dotted(spread.func) == _TOLERANT


def test_p6_no_reader_gives_a_value_fields_that_it_may_not_know() -> None:
    read = [source for source in sources("app") if source.name.endswith(_READERS)]
    found = [str(finding) for source in read for finding in strict_readers(source)]
    assert not found, f"let {_TOLERANT}() of app/database.py choose the fields: {found}"


def test_a_strict_reader_is_noticed() -> None:
    planted = "A(**row)\nB(**{**one, 'flaw': 1})\nA(**known_to(A, row))\nB(**{**known_to(B, one), 'flaw': 1})"
    assert [finding.line for finding in strict_readers(Source.of("app/x/store.py", planted))] == [1, 2]
