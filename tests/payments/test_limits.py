"""Which amounts the processor takes (A14)."""

import pytest

from app.kit.money import MAX_MINOR, Money
from app.payments.limits import refusal_of


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        (Money(99, "INR"), "The least amount in INR is 100 in minor units."),
        (Money(0, "USD"), "The least amount in USD is 1 in minor units."),
        (Money(100, "AOA"), "The processor does not take this currency."),
        (Money(MAX_MINOR + 1, "INR"), f"The largest amount is {MAX_MINOR} in minor units."),
        (Money(1001, "KWD"), "Amounts in KWD end in 0: the processor ignores the third decimal."),
        (Money(MAX_MINOR, "INR"), None),
        (Money(100, "INR"), None),
        (Money(1, "JPY"), None),
        (Money(1010, "KWD"), None),
    ],
)
def test_a14_an_amount_is_refused_in_one_sentence_or_may_be_asked(amount, says):
    assert refusal_of(amount) == says
