"""Money as an integer in minor units with a currency, and nothing else.

Exponents come from ISO 4217 (the `iso4217` package). There is no constructor from a float or from text, so a rupee
can never be mistaken for a paisa on the way in.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import iso4217

MAX_MINOR = 10**12
"""The largest amount one payment may have, in minor units: ten billion rupees, far inside 64 bits."""


@functools.cache
def exponents() -> Mapping[str, int]:
    """Return the number of decimal digits of every current ISO 4217 currency that has minor units."""
    return MappingProxyType(
        {currency.code: currency.exponent for currency in iso4217.Currency if currency.exponent is not None}
    )


class CurrencyMismatch(TypeError):
    """Two currencies met in one sum: a defect in our code, never a caller's mistake."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount of one currency in its minor unit (paise for INR).

    Raises:
        TypeError: `minor` is not exactly an integer (bool and float are refused).
        ValueError: the currency is not in ISO 4217.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is not money."""
        if type(self.minor) is not int:
            message = f"minor units are an int, not {type(self.minor).__name__}"
            raise TypeError(message)
        if self.currency not in exponents():
            message = "the currency is not in ISO 4217"
            raise ValueError(message)

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.minor - other.minor, self.currency)

    def __le__(self, other: "Money") -> bool:
        self._same_currency(other)
        return self.minor <= other.minor

    def __lt__(self, other: "Money") -> bool:
        self._same_currency(other)
        return self.minor < other.minor

    def __str__(self) -> str:
        """Return digits as people write them, such as `500.00 INR`: for logs and terminals, never to compute with."""
        exponent = exponents()[self.currency]
        sign = "-" if self.minor < 0 else ""
        digits = str(abs(self.minor)).rjust(exponent + 1, "0")
        whole, fraction = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
        return f"{sign}{whole}{'.' if fraction else ''}{fraction} {self.currency}"

    def split(self, weights: Sequence[int]) -> tuple["Money", ...]:
        """Divide by integer weights so that the parts add up to the whole (largest remainder first).

        Raises:
            ValueError: no weight is positive, or one is negative.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            message = "weights are non-negative and at least one is positive"
            raise ValueError(message)
        floors = [self.minor * weight // total for weight in weights]
        remainders = [self.minor * weight % total for weight in weights]
        by_remainder = sorted(range(len(weights)), key=lambda at: (-remainders[at], at))
        for at in by_remainder[: self.minor - sum(floors)]:
            floors[at] += 1
        return tuple(Money(part, self.currency) for part in floors)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            message = f"{self.currency} met {other.currency}"
            raise CurrencyMismatch(message)
