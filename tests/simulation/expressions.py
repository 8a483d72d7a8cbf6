"""Aggregation expressions as MongoDB computes them: the operators that the product's stores use."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

Document = dict[str, Any]

ABSENT = object()
_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "long"),
    (str, "string"),
    (datetime, "date"),
    (dict, "object"),
    (list, "array"),
    (bytes, "binData"),
    (type(None), "null"),
)
_ORDER = (type(None), int, str, dict, list, bytes, bool, datetime)


class NotSpoken(NotImplementedError):
    """The simulated database doesn't know this operator: teach it, and the test that compares it with a mongod."""


def rank(value: Any) -> int:
    """Return the place of a value's type in MongoDB's order of types."""
    if isinstance(value, bool):
        return _ORDER.index(bool)
    return next(index for index, kind in enumerate(_ORDER) if isinstance(value, kind))


def sort_key(value: Any) -> tuple[int, Any]:
    """Return a key that puts values of all types in order; what is absent counts as null."""
    return (0, 0) if value is ABSENT or value is None else (rank(value), value)


def field_of(value: Any, path: Sequence[str]) -> Any:
    """Return what a path leads to, `ABSENT` if nowhere; through a list, the list of what each element has there."""
    if not path:
        return value
    if isinstance(value, dict):
        return field_of(value[path[0]], path[1:]) if path[0] in value else ABSENT
    if isinstance(value, list):
        return [field_of(element, path) for element in value if isinstance(element, dict) and path[0] in element]
    return ABSENT


def evaluate(document: Document, expression: Any, *, now: datetime) -> Any:
    """Return what an expression makes of a document; a missing field is null."""
    value = _evaluate(document, expression, now)
    return None if value is ABSENT else value


def evaluate_or_absent(document: Document, expression: Any, *, now: datetime) -> Any:
    """Return what an expression makes of a document, `ABSENT` when it is to be removed."""
    return _evaluate(document, expression, now)


def _evaluate(document: Document, expression: Any, now: datetime) -> Any:
    if isinstance(expression, str):
        return _reference(document, expression, now) if expression.startswith("$") else expression
    if isinstance(expression, list):
        return [evaluate(document, part, now=now) for part in expression]
    if not isinstance(expression, dict):
        return expression
    if len(expression) == 1:
        (operator, operand) = next(iter(expression.items()))
        if operator.startswith("$"):
            return _computed(document, operator, operand, now)
    made = {key: _evaluate(document, part, now) for key, part in expression.items()}
    return {key: value for key, value in made.items() if value is not ABSENT}


def _reference(document: Document, name: str, now: datetime) -> Any:
    if not name.startswith("$$"):
        return field_of(document, name[1:].split("."))
    if name not in {"$$NOW", "$$ROOT", "$$REMOVE"}:
        raise NotSpoken(name)
    return {"$$NOW": now, "$$ROOT": document, "$$REMOVE": ABSENT}[name]


def _computed(document: Document, operator: str, operand: Any, now: datetime) -> Any:
    if (lazy := _LAZY.get(operator)) is not None:
        return lazy(document, operand, now)
    if (eager := _EAGER.get(operator)) is None:
        raise NotSpoken(operator)
    return eager(evaluate(document, operand, now=now))


def _cond(document: Document, operand: Any, now: datetime) -> Any:
    test, yes, no = (operand["if"], operand["then"], operand["else"]) if isinstance(operand, dict) else operand
    return _evaluate(document, yes if evaluate(document, test, now=now) else no, now)


def _switch(document: Document, operand: Any, now: datetime) -> Any:
    for branch in operand["branches"]:
        if evaluate(document, branch["case"], now=now):
            return _evaluate(document, branch["then"], now)
    return _evaluate(document, operand["default"], now)


def _type(document: Document, operand: Any, now: datetime) -> str:
    value = _evaluate(document, operand, now)
    return "missing" if value is ABSENT else next(name for kind, name in _TYPE_NAMES if isinstance(value, kind))


def _each(document: Document, operand: Any, now: datetime) -> Any:
    found = evaluate(document, operand["input"], now=now)
    name = operand.get("as", "this")
    if found is None:
        return None
    kept = []
    for element in found:
        # Variables are read as fields of a document that has them beside the real ones.
        scope = {**document, f"${name}": element}
        inner = _renamed(operand.get("cond", operand.get("in")), name)
        value = evaluate(scope, inner, now=now)
        if "cond" not in operand:
            kept.append(value)
        elif value:
            kept.append(element)
    return kept


def _renamed(expression: Any, name: str) -> Any:
    """Return an expression in which `$$name` is read from the field `$name`."""
    if isinstance(expression, str) and (expression == f"$${name}" or expression.startswith(f"$${name}.")):
        return {"$getField": expression[1:]}
    if isinstance(expression, list):
        return [_renamed(part, name) for part in expression]
    if isinstance(expression, dict):
        return {key: _renamed(part, name) for key, part in expression.items()}
    return expression


_LAZY: Mapping[str, Callable[[Document, Any, datetime], Any]] = {
    "$literal": lambda _, operand, __: operand,
    "$cond": _cond,
    "$switch": _switch,
    "$type": _type,
    "$filter": _each,
    "$map": _each,
    "$getField": lambda document, operand, _: field_of(document, operand.split(".")),
}


def _sum(values: Sequence[Any]) -> Any:
    if any(value is None for value in values):
        return None
    moments = [value for value in values if isinstance(value, datetime)]
    total = sum(value for value in values if not isinstance(value, datetime))
    return moments[0] + timedelta(milliseconds=total) if moments else total


def _difference(values: Sequence[Any]) -> Any:
    first, second = values
    if first is None or second is None:
        return None
    return (
        first - timedelta(milliseconds=second)
        if isinstance(second, int) and isinstance(first, datetime)
        else first - second
    )


def _slice(values: Sequence[Any]) -> Any:
    found, count = values
    if found is None:
        return None
    return found[count:] if count < 0 else found[:count]


def _merged(values: Any) -> Document:
    parts = values if isinstance(values, list) else [values]
    return {key: value for part in parts if part for key, value in part.items()}


def _known(values: Any) -> list[Any]:
    return [value for value in (values if isinstance(values, list) else [values]) if value is not None]


_EAGER: Mapping[str, Callable[[Any], Any]] = {
    "$and": all,
    "$or": any,
    "$not": lambda values: not (values[0] if isinstance(values, list) else values),
    "$ifNull": lambda values: next((value for value in values if value is not None), None),
    "$in": lambda values: values[0] in values[1],
    "$mergeObjects": _merged,
    "$concat": lambda values: None if None in values else "".join(values),
    "$concatArrays": lambda values: [element for part in values for element in part],
    "$setDifference": lambda values: [element for element in values[0] if element not in values[1]],
    "$setUnion": lambda values: list({element: None for part in values for element in part}),
    "$arrayElemAt": lambda values: values[0][values[1]],
    "$slice": _slice,
    "$size": len,
    "$eq": lambda values: values[0] == values[1],
    "$ne": lambda values: values[0] != values[1],
    "$gt": lambda values: sort_key(values[0]) > sort_key(values[1]),
    "$gte": lambda values: sort_key(values[0]) >= sort_key(values[1]),
    "$lt": lambda values: sort_key(values[0]) < sort_key(values[1]),
    "$lte": lambda values: sort_key(values[0]) <= sort_key(values[1]),
    "$add": _sum,
    "$subtract": _difference,
    "$multiply": lambda values: values[0] * values[1],
    "$max": lambda values: max(_known(values), default=None),
    "$min": lambda values: min(_known(values), default=None),
    "$sum": lambda values: sum(value for value in _known(values) if isinstance(value, int)),
    "$toLong": lambda value: None if value is None else int(value),
}
