"""Documents as MongoDB matches and updates them: the part of its language that the product's stores speak.

An operator that is not here raises `NotSpoken`, so a store that learns a new one is noticed at once; a test holds every
answer against a real mongod. Stored documents are never changed in place: an update returns a new one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.simulation.expressions import (
    ABSENT,
    Document,
    NotSpoken,
    evaluate,
    evaluate_or_absent,
    field_of,
    rank,
    sort_key,
)

Rows = Mapping[Any, Document]
Query = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "date": (datetime,),
    "int": (int,),
    "long": (int,),
    "number": (int,),
    "object": (dict,),
    "array": (list,),
    "bool": (bool,),
    "null": (type(None),),
}


def matches(document: Document, query: Mapping[str, Any], *, now: datetime) -> bool:
    """Tell whether a document satisfies a filter."""
    return all(_clause(document, name, wanted, now) for name, wanted in query.items())


def _clause(document: Document, name: str, wanted: Any, now: datetime) -> bool:
    if name.startswith("$"):
        match name:
            case "$and":
                return all(matches(document, part, now=now) for part in wanted)
            case "$or":
                return any(matches(document, part, now=now) for part in wanted)
            case "$expr":
                return bool(evaluate(document, wanted, now=now))
            case _:
                raise NotSpoken(name)
    found = list(_values(document, name.split("."))) if "." in name else _value(document, name)
    if isinstance(wanted, dict) and wanted and next(iter(wanted)).startswith("$"):
        return all(_holds(found, operator, operand, now) for operator, operand in wanted.items())
    return _is_among(found, wanted)


def _value(document: Document, name: str) -> Sequence[Any]:
    value = document.get(name, ABSENT)
    return () if value is ABSENT else (value,)


def _values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what a dotted path leads to; through a list it leads to each of its elements."""
    if not path:
        yield value
    elif isinstance(value, dict):
        if path[0] in value:
            yield from _values(value[path[0]], path[1:])
    elif isinstance(value, list):
        for element in value:
            yield from _values(element, path)


def _is_among(found: Sequence[Any], wanted: Any) -> bool:
    if wanted is None and not found:
        return True
    return any(_same(value, wanted) or (isinstance(value, list) and wanted in value) for value in found)


def _same(value: Any, wanted: Any) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _holds(found: Sequence[Any], operator: str, operand: Any, now: datetime) -> bool:
    if operator in {"$not", "$elemMatch"}:
        if operator == "$not":
            return not all(_holds(found, inner, value, now) for inner, value in operand.items())
        elements = (element for value in found if isinstance(value, list) for element in value)
        return any(isinstance(element, dict) and matches(element, operand, now=now) for element in elements)
    if (test := _TESTS.get(operator)) is None:
        raise NotSpoken(operator)
    return test(found, operand)


def _compared(holds: Callable[[Any, Any], bool]) -> Callable[[Sequence[Any], Any], bool]:
    """Return a comparison; a filter compares only values of one type."""

    def test(found: Sequence[Any], operand: Any) -> bool:
        wanted = sort_key(operand)
        flat = [*found, *(element for value in found if isinstance(value, list) for element in value)]
        return any(value is not None and rank(value) == wanted[0] and holds(sort_key(value), wanted) for value in flat)

    return test


def _is_type(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "bool"
    return isinstance(value, _TYPES[wanted])


_TESTS: Mapping[str, Callable[[Sequence[Any], Any], bool]] = {
    "$eq": _is_among,
    "$ne": lambda found, operand: not _is_among(found, operand),
    "$in": lambda found, operand: any(_is_among(found, one) for one in operand),
    "$nin": lambda found, operand: not any(_is_among(found, one) for one in operand),
    "$exists": lambda found, operand: bool(found) is bool(operand),
    "$type": lambda found, operand: any(_is_type(value, operand) for value in found),
    "$size": lambda found, operand: any(isinstance(value, list) and len(value) == operand for value in found),
    "$gt": _compared(lambda value, wanted: value > wanted),
    "$gte": _compared(lambda value, wanted: value >= wanted),
    "$lt": _compared(lambda value, wanted: value < wanted),
    "$lte": _compared(lambda value, wanted: value <= wanted),
}


def value_at(document: Document, path: str) -> Any:
    """Return what stands at a dotted path, or None."""
    return next(_values(document, path.split(".")), None)


def born(query: Mapping[str, Any]) -> Document:
    """Return the document that an upsert starts from: what its filter says by equality."""
    document: Document = {}
    for name, wanted in query.items():
        if name == "$and":
            for part in wanted:
                document |= born(part)
        elif name.startswith("$"):
            continue
        elif not isinstance(wanted, dict):
            document = _with(document, name.split("."), wanted)
        elif "$eq" in wanted:
            document = _with(document, name.split("."), wanted["$eq"])
    return document


def updated(document: Document, update: Any, *, now: datetime, is_new: bool = False) -> Document:
    """Return what an update makes of a document."""
    if isinstance(update, list):
        return _piped(document, update, now)
    for operator, changes in update.items():
        if operator == "$setOnInsert" and not is_new:
            continue
        for name, operand in changes.items():
            document = _changed(document, operator, name.split("."), operand, now)
    return document


def _piped(document: Document, stages: Sequence[Mapping[str, Any]], now: datetime) -> Document:
    for stage in stages:
        ((operator, operand),) = stage.items()
        match operator:
            case "$set" | "$addFields":
                # Every expression of one stage sees the document as it was before the stage.
                values = {name: evaluate_or_absent(document, part, now=now) for name, part in operand.items()}
                for name, value in values.items():
                    path = name.split(".")
                    document = _without(document, path) if value is ABSENT else _with(document, path, value)
            case "$unset":
                for name in [operand] if isinstance(operand, str) else operand:
                    document = _without(document, name.split("."))
            case "$replaceWith":
                document = evaluate(document, operand, now=now)
            case _:
                raise NotSpoken(operator)
    return document


def _changed(document: Document, operator: str, path: Sequence[str], operand: Any, now: datetime) -> Document:
    if operator == "$unset":
        return _without(document, path)
    if operator == "$currentDate":
        return _with(document, path, now)
    if (change := _CHANGES.get(operator)) is None:
        raise NotSpoken(operator)
    before = field_of(document, path)
    if before is ABSENT and operator == "$pull":
        return document
    return _with(document, path, change(None if before is ABSENT else before, operand))


def _pushed(before: list[Any] | None, operand: Any) -> list[Any]:
    if not isinstance(operand, dict) or "$each" not in operand:
        return [*(before or []), operand]
    if unknown := set(operand) - {"$each", "$slice"}:
        raise NotSpoken(*unknown)
    after = [*(before or []), *operand["$each"]]
    last = operand.get("$slice", len(after) or 1)
    return after[last:] if last < 0 else after[:last]


def _added(before: list[Any] | None, operand: Any) -> list[Any]:
    each = operand["$each"] if isinstance(operand, dict) and "$each" in operand else [operand]
    return [*(before or []), *(one for one in each if one not in (before or []))]


_CHANGES: Mapping[str, Callable[[Any, Any], Any]] = {
    "$set": lambda _, operand: operand,
    "$setOnInsert": lambda _, operand: operand,
    "$inc": lambda before, operand: (before or 0) + operand,
    "$max": lambda before, operand: operand if before is None else max(before, operand),
    "$min": lambda before, operand: operand if before is None else min(before, operand),
    "$push": _pushed,
    "$addToSet": _added,
    "$pull": lambda before, operand: [one for one in before or [] if one != operand],
}


def _with(document: Document, path: Sequence[str], value: Any) -> Document:
    if len(path) == 1:
        return {**document, path[0]: value}
    inner = document.get(path[0])
    return {**document, path[0]: _with(inner if isinstance(inner, dict) else {}, path[1:], value)}


def _without(document: Document, path: Sequence[str]) -> Document:
    if path[0] not in document:
        return document
    if len(path) == 1:
        return {key: value for key, value in document.items() if key != path[0]}
    inner = document[path[0]]
    return {**document, path[0]: _without(inner, path[1:])} if isinstance(inner, dict) else document


def chosen(rows: Rows, query: Query, now: datetime, *, sort: Sequence[tuple[str, int]] = ()) -> list[Document]:
    """Return the documents that match, in order."""
    found = [row for row in _candidates(rows, query) if matches(row, query, now=now)]
    for name, direction in reversed(list(sort.items() if isinstance(sort, Mapping) else sort)):
        found.sort(key=lambda row, name=name: sort_key(value_at(row, name)), reverse=direction < 0)
    return found


def _candidates(rows: Rows, query: Query) -> Iterator[Document]:
    identity = query.get("_id")
    if isinstance(identity, dict):
        identity = identity.get("$eq")
    if identity is None:
        return iter(rows.values())
    return iter((rows[identity],)) if identity in rows else iter(())
