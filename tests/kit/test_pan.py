"""Card numbers are found wherever they stand, and little else is taken for one (S18)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.pan import has_card_number, mask_card_numbers

# The networks' published test numbers.
KNOWN = [
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223000048400011",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "3530111333300000",
    "6200000000000005",
    "6304000000000000",
    "6073849700004947",
]


def luhn_digit(digits: str) -> str:
    total = sum(
        value if place % 2 else sum(divmod(value * 2, 10)) for place, value in enumerate(map(int, reversed(digits)))
    )
    return str(-total % 10)


# First digits of every network with the lengths that it issues, from their published ranges.
NETWORKS = [
    (["4"], [13, 16, 19]),
    (["51", "55", "2221", "2720"], [16]),
    (["34", "37"], [15]),
    (["300", "36", "38"], [14, 16, 19]),
    (["3528", "3589", "81", "82", "508"], [16, 19]),
    (["50", "56", "58", "60", "62", "65"], [13, 14, 15, 16, 17, 18, 19]),
]


@st.composite
def card_numbers(draw: Any) -> str:
    heads, lengths = draw(st.sampled_from(NETWORKS))
    head, length = draw(st.sampled_from(heads)), draw(st.sampled_from(lengths))
    body = head + draw(st.text("0123456789", min_size=length - len(head) - 1, max_size=length - len(head) - 1))
    return body + luhn_digit(body)


def grouped(number: str, separator: str) -> str:
    return separator.join(number[start : start + 4] for start in range(0, len(number), 4))


@pytest.mark.parametrize("number", KNOWN)
@pytest.mark.parametrize(
    "frame", ["{}", "pay with {} please", "({})", "x{}y", "12 {}", "{} 12/29", "0 {} 0", "ref-{}-9"]
)
def test_s18_a_known_number_is_found_in_any_frame(number: str, frame: str) -> None:
    assert has_card_number(frame.format(number))
    assert has_card_number(frame.format(grouped(number, " ")))
    assert has_card_number(frame.format(grouped(number, "-")))


@given(number=card_numbers(), separator=st.sampled_from(["", " ", "-"]), before=st.text("xy :", max_size=5))
def test_s18_every_number_of_a_network_is_found_and_masked(number: str, separator: str, before: str) -> None:
    text = f"{before}{grouped(number, separator)}."
    assert has_card_number(text)
    assert mask_card_numbers(text) == f"{before}[card number]."


@given(number=card_numbers(), place=st.integers(0, 18), shift=st.integers(1, 9))
def test_a_wrong_check_digit_is_no_card_number(number: str, place: Any, shift: Any) -> None:
    place %= len(number)
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert not has_card_number(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "919876543210",
        "+91 98765 43210",
        "1782000000000",
        "0000000000000000",
        "9999999999999995",
        "4111  1111  1111  1111",
        "4111.1111.1111.1111",
        "a4b1c1d1e1f1g1h1i1j1k1l1m1n1o1p1",
        "41111111111111110000",
        "pmt_01JGFJJZ8Q4D5K6M7N8P9R0S1T",
        "550e8400-e29b-41d4-a716-446655440000",
        "2026-01-01T00:00:00.000Z",
        "1000000000000",
        # All of these pass Luhn: a day with a running number, digits at the end of an id, a Visa of 14 digits.
        "20261123000126",
        "order-51234-00000126",
        "42222222222226",
        "4111-11111111-1111",
        # A German telephone number, a fraction as text, a bank's reference.
        "+4915112345678",
        "55.56747306712489",
    ],
)
def test_phone_numbers_times_ids_and_amounts_are_no_card_numbers(text: str) -> None:
    assert not has_card_number(text)
    assert mask_card_numbers(text) == text


@given(
    size=st.sampled_from([24, 32, 40, 48, 64, 96, 128]),
    letters=st.sampled_from(["0123456789abcdef", "0123456789ABCDEF"]),
    frame=st.sampled_from(["{}", "sha256={}", "order_{}", "order_1|{}.", "12 {} 34"]),
    inside=card_numbers(),
    beside=card_numbers(),
    data=st.data(),
)
def test_a_digest_is_no_card_number_and_hides_none_beside_it(
    size: int, letters: str, frame: str, inside: str, beside: str, data: Any
) -> None:
    rest = data.draw(st.text(letters, min_size=size - len(inside), max_size=size - len(inside)))
    place = data.draw(st.integers(0, len(rest)))
    text = frame.format(f"{rest[:place]}{inside}{rest[place:]}")
    assert not has_card_number(text)
    assert mask_card_numbers(f"{text} {beside}") == f"{text} [card number]"


def test_a_uuid_is_no_card_number() -> None:
    assert has_card_number("4111-1111-1111-1111a")
    assert not has_card_number("c0ffee00-4111-1111-1111-1111c0ffee00")


def test_what_is_no_digest_hides_no_card_number() -> None:
    number = KNOWN[0]
    for text in (
        f"{number}{'a' * 15}",
        f"{number}{'a' * 17}",
        f"1.5 {number}",
        f"+91 {number}",
        f"{number}{'g' * 16}",
        f"{number}{'aA' * 8}",
    ):
        assert has_card_number(text)


def test_numbers_are_found_in_the_groups_that_cards_show() -> None:
    assert has_card_number("3782 822463 10005")
    assert has_card_number("3056-930902-5904")
    assert has_card_number("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")


@given(number=st.integers(0, 10**14 - 1))
def test_few_order_numbers_with_a_day_in_front_are_taken_for_one(number: int) -> None:
    assert not has_card_number(f"2026{number:014d}"[:15])


def test_digits_of_other_scripts_are_read_too() -> None:
    devanagari = "4111111111111111".translate({ord("0") + digit: 0x0966 + digit for digit in range(10)})
    assert has_card_number(devanagari)


def test_several_numbers_in_one_text_are_all_masked() -> None:
    text = f"a {KNOWN[0]} b {KNOWN[2]} {KNOWN[4]} c"
    assert mask_card_numbers(text) == "a [card number] b [card number] [card number] c"


def test_a_long_run_of_digits_is_judged_in_linear_time() -> None:
    assert not has_card_number("5 " * 50_000)
    assert not has_card_number("5" * 100_000)
    assert not has_card_number("5-" * 50_000)
    assert not has_card_number(f"{'5' * 31}-" * 5_000)
