"""Checks of request fields, with the processor's sentences."""

from collections.abc import Iterable
from typing import Any

from razorpay_simulator import currencies
from razorpay_simulator.errors import bad_request, invalid_id, unknown_id
from razorpay_simulator.ids import is_id

MAX_NOTES = 15
MAX_NOTE_LENGTH = 512
MAX_RECEIPT_LENGTH = 40
MAX_AMOUNT = 2**53 - 1
_TRUE = frozenset({"1", "true", "on", "yes"})
_FALSE = frozenset({"0", "false", "off", "no", ""})


def refuse_extra(body: dict[str, Any], known: frozenset[str]) -> None:
    """Refuse fields that the API doesn't know. Raises ApiError."""
    extra = [str(name) for name in body if name not in known]
    if extra:
        raise bad_request(f"{', '.join(extra)} is/are not required and should not be sent")


def require(body: dict[str, Any], names: Iterable[str]) -> None:
    """Refuse a body without these fields. Raises ApiError."""
    for name in names:
        if body.get(name) in (None, ""):
            raise bad_request(f"The {name.replace('_', ' ')} field is required.", field=name)


def integer(body: dict[str, Any], name: str) -> int | None:
    """Return a whole number, which forms write as text; None when it is absent. Raises ApiError."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit() and len(value) <= 20:
        value = int(value)
    if type(value) is not int:
        raise bad_request(f"The {name.replace('_', ' ')} must be an integer.", field=name)
    return value


def flag(body: dict[str, Any], name: str) -> bool | None:
    """Return a yes or no in any of its spellings; None when it is absent. Raises ApiError."""
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise bad_request(f"The {name.replace('_', ' ')} field must be true or false.", field=name)


def text(body: dict[str, Any], name: str, *, longest: int) -> str | None:
    """Return a text; a number is taken for its digits; None when it is absent or blank. Raises ApiError."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise bad_request(f"The {name.replace('_', ' ')} must be a string.", field=name)
    if len(str(value)) > longest:
        raise bad_request(f"The {name.replace('_', ' ')} may not be greater than {longest} characters.", field=name)
    return str(value)


def currency(body: dict[str, Any]) -> str:
    """Return the currency. Raises ApiError."""
    require(body, ["currency"])
    value = str(body["currency"]).upper()
    if currencies.exponent(value) is None:
        raise bad_request("Currency is not supported", field="currency")
    return value


def amount(body: dict[str, Any], in_currency: str, name: str = "amount") -> int:
    """Return an amount of a currency, in minor units. Raises ApiError."""
    require(body, [name])
    value = integer(body, name)
    if value is None or value < currencies.minimum(in_currency):
        raise bad_request(_too_small(in_currency), field=name)
    if value > MAX_AMOUNT:
        raise bad_request("Amount exceeds maximum amount allowed.", field=name)
    if currencies.exponent(in_currency) == 3 and value % 10:
        raise bad_request(f"The {name} must end in 0 for {in_currency}.", field=name)
    return value


def _too_small(in_currency: str) -> str:
    digits = currencies.exponent(in_currency) or 0
    smallest = currencies.minimum(in_currency)
    shown = f"{smallest / 10**digits:.{digits}f}"
    return f"The amount must be at least {in_currency} {shown}"


def notes(body: dict[str, Any]) -> dict[str, str]:
    """Return the notes; an empty list stands for none. Raises ApiError."""
    value = body.get("notes")
    if value is None or value in ("", []):
        return {}
    if isinstance(value, list):
        value = {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, dict):
        raise bad_request("The notes must be an array.", field="notes")
    if len(value) > MAX_NOTES:
        raise bad_request(f"Notes should not have more than {MAX_NOTES} keys.", field="notes")
    if any(isinstance(item, (dict, list)) for item in value.values()):
        raise bad_request("Notes value must be a string", field="notes")
    kept = {str(key): _note(item) for key, item in value.items()}
    if any(len(item) > MAX_NOTE_LENGTH for item in kept.values()):
        raise bad_request(f"Notes value cannot be greater than {MAX_NOTE_LENGTH} characters", field="notes")
    return kept


def _note(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def known_id(given: str, prefix: str) -> str:
    """Return an id that has the right form. Raises ApiError."""
    if not is_id(given, prefix):
        raise invalid_id(given)
    return given


def lookup(kept: dict[str, Any], given: str, prefix: str) -> Any:
    """Return the entity with this id. Raises ApiError when the id is malformed or unknown."""
    found = kept.get(known_id(given, prefix))
    if found is None:
        raise unknown_id()
    return found
