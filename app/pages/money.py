"""Money as people read and write it, by currency and language; integers throughout."""

import re
from collections.abc import Mapping

from app.kit.money import MAX_MINOR, Money, exponents

_SYMBOLS: Mapping[str, str] = {
    "INR": "₹", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "AUD": "A$", "CAD": "C$", "SGD": "S$", "HKD": "HK$",
    "NZD": "NZ$", "KRW": "₩", "ILS": "₪", "PHP": "₱", "VND": "₫", "NGN": "₦", "BRL": "R$",
}  # fmt: skip
_INDIAN_LANGUAGES = frozenset({"hi"})
_WRITTEN = re.compile(r"([0-9]{1,15})(?:\.([0-9]{0,4}))?")
_SPACES = re.compile(r"[\s\u00a0\u202f,]")
_NO_BREAK = "\u00a0"
_MINUS = "\u2212"


def format_money(money: Money, language: str = "en") -> str:
    """Return an amount such as ₹1,23,456.50 or $1,234.50, with lakh and crore where they are used."""
    exponent = exponents()[money.currency]
    digits = str(abs(money.minor)).rjust(exponent + 1, "0")
    whole, fraction = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
    is_indian = money.currency == "INR" or language in _INDIAN_LANGUAGES
    number = group_digits(whole, is_indian=is_indian) + (f".{fraction}" if fraction else "")
    symbol = _SYMBOLS.get(money.currency, f"{money.currency}{_NO_BREAK}")
    return f"{_MINUS if money.minor < 0 else ''}{symbol}{number}"


def format_count(number: int, language: str = "en") -> str:
    """Return a count with its digits grouped; India's own grouping, because most who read it are there."""
    sign = _MINUS if number < 0 else ""
    return sign + group_digits(str(abs(number)), is_indian=language in _INDIAN_LANGUAGES or language == "en")


def group_digits(digits: str, *, is_indian: bool) -> str:
    """Return digits with commas: 12,34,567 the Indian way, else 1,234,567."""
    head, tail = digits[:-3], digits[-3:]
    size = 2 if is_indian else 3
    groups = [head[max(0, end - size) : end] for end in range(len(head), 0, -size)]
    return ",".join([*reversed(groups), tail])


def decimal_of(money: Money) -> str:
    """Return an amount as a form field holds it: plain digits with a point, such as 1234.50."""
    return str(money).partition(" ")[0]


def read_amount(text: str, currency: str) -> Money | None:
    """Return the amount that somebody wrote, or None where it is none; grouping, symbol and spaces are ignored.

    More digits after the point than the currency has are no amount: nothing is rounded.
    """
    exponent = exponents()[currency]
    plain = _SPACES.sub("", text).removeprefix(_SYMBOLS.get(currency, currency)).removeprefix(currency)
    match = _WRITTEN.fullmatch(plain)
    if match is None:
        return None
    whole, fraction = match[1], match[2] or ""
    if len(fraction.rstrip("0")) > exponent:
        return None
    minor = int(whole + fraction[:exponent].ljust(exponent, "0"))
    return Money(minor, currency) if minor <= MAX_MINOR else None
