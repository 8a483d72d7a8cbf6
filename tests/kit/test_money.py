"""Money: integers only, one currency at a time, nothing lost in a split (T3, T4, T5)."""

import ast
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app.kit.money as money_module
from app.kit.money import MAX_MINOR, CurrencyMismatch, Money, exponents

CURRENCIES = st.sampled_from(sorted(exponents()))
MINORS = st.integers(min_value=-MAX_MINOR, max_value=MAX_MINOR)
WEIGHTS = st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=30).filter(any)


@given(minor=MINORS, currency=CURRENCIES, weights=WEIGHTS)
def test_t4_the_parts_of_a_split_add_up_to_the_whole(minor: int, currency: str, weights: list[int]) -> None:
    parts = Money(minor, currency).split(weights)
    assert len(parts) == len(weights)
    assert sum(parts[1:], parts[0]) == Money(minor, currency)


@given(minor=MINORS, weights=WEIGHTS)
def test_t4_no_part_is_further_than_one_minor_unit_from_its_exact_share(minor: int, weights: list[int]) -> None:
    total = sum(weights)
    for part, weight in zip(Money(minor, "INR").split(weights), weights, strict=True):
        assert abs(Fraction(minor * weight, total) - part.minor) < 1
        assert weight or part.minor == 0


def test_t4_the_largest_remainder_gets_the_odd_unit_and_the_first_of_equals() -> None:
    assert [part.minor for part in Money(100, "INR").split([1, 1, 1])] == [34, 33, 33]
    assert [part.minor for part in Money(10, "INR").split([1, 1, 4])] == [2, 2, 6]
    assert [part.minor for part in Money(-100, "INR").split([1, 1, 1])] == [-33, -33, -34]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [-1], [2, -1]])
def test_a_split_by_senseless_weights_is_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Money(100, "INR").split(weights)


@pytest.mark.parametrize("minor", [1.0, 0.5, True, False, "100", None, Decimal(100), Fraction(1)])
def test_t3_only_an_integer_is_an_amount(minor: Any) -> None:
    with pytest.raises(TypeError, match="minor units are an int"):
        Money(minor, "INR")


def test_t3_the_module_knows_no_float_and_no_true_division() -> None:
    tree = ast.parse(Path(money_module.__file__).read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    assert not [node for node in nodes if isinstance(node, ast.Div)]
    assert not [node for node in nodes if isinstance(node, ast.Name) and node.id == "float"]
    assert not [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, float)]


@pytest.mark.parametrize("currency", ["", "inr", "XXX1", "RUPEE", "ABC", "₹"])
def test_a_currency_comes_from_iso_4217(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


@pytest.mark.parametrize("operate", ["__add__", "__sub__", "__lt__", "__le__"])
def test_t5_two_currencies_never_meet(operate: str) -> None:
    with pytest.raises(CurrencyMismatch, match="INR met USD"):
        getattr(Money(1, "INR"), operate)(Money(1, "USD"))


def test_t5_equal_numbers_of_two_currencies_are_different_money() -> None:
    assert Money(1, "INR") != Money(1, "USD")
    assert len({Money(1, "INR"), Money(1, "USD"), Money(1, "INR")}) == 2


@given(left=MINORS, right=MINORS, currency=CURRENCIES)
def test_t4_sums_differences_and_order_are_those_of_the_minor_units(left: int, right: int, currency: str) -> None:
    one, other = Money(left, currency), Money(right, currency)
    assert (one + other).minor == left + right
    assert (one + other) - other == one
    assert (one < other, one <= other, one > other, one >= other) == (
        left < right,
        left <= right,
        left > right,
        left >= right,
    )


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (50000, "INR", "500.00 INR"),
        (1, "INR", "0.01 INR"),
        (0, "INR", "0.00 INR"),
        (-5, "INR", "-0.05 INR"),
        (-12345, "INR", "-123.45 INR"),
        (500, "JPY", "500 JPY"),
        (0, "JPY", "0 JPY"),
        (-7, "JPY", "-7 JPY"),
        (1230, "KWD", "1.230 KWD"),
        (5, "BHD", "0.005 BHD"),
        (MAX_MINOR, "INR", "10000000000.00 INR"),
    ],
)
def test_money_is_shown_with_the_digits_of_its_currency(minor: int, currency: str, shown: str) -> None:
    assert str(Money(minor, currency)) == shown


@given(minor=MINORS, currency=CURRENCIES)
def test_what_is_shown_reads_back_exactly(minor: int, currency: str) -> None:
    digits, code = str(Money(minor, currency)).split(" ")
    assert Decimal(digits).scaleb(exponents()[currency]) == minor
    assert code == currency


def test_exponents_are_those_of_the_standard_and_can_not_be_changed() -> None:
    known = exponents()
    wanted = {"INR": 2, "USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "VND": 0, "KWD": 3, "BHD": 3, "OMR": 3, "TND": 3}
    assert {code: known[code] for code in wanted} == wanted
    assert all(0 <= exponent <= 4 for exponent in known.values())
    assert "XAU" not in known, "gold has no minor unit"
    with pytest.raises(TypeError):
        known["INR"] = 3  # type: ignore[index]


def test_money_can_not_be_changed_afterwards() -> None:
    with pytest.raises(AttributeError):
        Money(1, "INR").minor = 2  # type: ignore[misc]
