"""Money, moments, forms and texts: what people read and write, without a page around it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.errors import Problem
from app.kit.money import MAX_MINOR, Money
from app.pages.forms import parse_form
from app.pages.money import decimal_of, format_count, format_money, read_amount
from app.pages.texts import Texts
from app.pages.times import format_date, format_time, time_tag, zone_of

NIGHT = datetime(2026, 3, 5, 20, 7, 9, tzinfo=UTC)
CURRENCIES = st.sampled_from(["INR", "USD", "JPY", "KWD", "EUR", "CHF"])


@pytest.mark.parametrize(
    ("minor", "currency", "language", "shown"),
    [
        (50000, "INR", "en", "₹500.00"),
        (12345650, "INR", "en", "₹1,23,456.50"),
        (1234567890, "INR", "hi", "₹1,23,45,678.90"),
        (100000000, "INR", "en", "₹10,00,000.00"),
        (5, "INR", "en", "₹0.05"),
        (-150000, "INR", "en", "\u2212₹1,500.00"),
        (123456789, "USD", "en", "$1,234,567.89"),
        (123456789, "USD", "hi", "$12,34,567.89"),
        (1234567, "JPY", "en", "¥1,234,567"),
        (1234567, "KWD", "en", "KWD\u00a01,234.567"),
    ],
)
def test_money_is_grouped_by_currency_and_language(minor, currency, language, shown):
    assert format_money(Money(minor, currency), language) == shown


@given(st.integers(0, MAX_MINOR), CURRENCIES, st.sampled_from(["en", "hi"]))
def test_money_that_is_shown_is_read_again_to_the_paisa(minor, currency, language):
    money = Money(minor, currency)
    assert read_amount(format_money(money, language), currency) == money
    assert read_amount(decimal_of(money), currency) == money


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("500", 50000),
        (" 1,23,456.5 ", 12345650),
        ("₹ 10.00", 1000),
        ("INR 10", 1000),
        ("10.500", 1050),
        ("10.", 1000),
        ("10.505", None),
        ("-5", None),
        ("", None),
        ("1e3", None),
        ("٣", None),
        (".5", None),
        ("12.3.4", None),
        ("999999999999999", None),
        ("9" * 40, None),
    ],
)
def test_an_amount_that_somebody_writes_is_read_exactly_or_not_at_all(text, minor):
    assert read_amount(text, "INR") == (None if minor is None else Money(minor, "INR"))


@given(st.text(max_size=30), CURRENCIES)
def test_no_text_breaks_the_reading_of_an_amount(text, currency):
    found = read_amount(text, currency)
    assert found is None or 0 <= found.minor <= MAX_MINOR


def test_counts_are_grouped():
    assert [format_count(number) for number in (0, 999, 1000, 1234567)] == ["0", "999", "1,000", "12,34,567"]
    assert format_count(-1234567, "de") == "\u22121,234,567"


def test_a_moment_is_shown_in_the_viewer_s_zone_with_utc_behind_it():
    india = zone_of("Asia/Kolkata")
    assert format_time(NIGHT, india) == "6 Mar 2026, 01:37"
    assert format_date(NIGHT, india, "hi") == "6 मार्च 2026"
    assert time_tag(NIGHT, india) == (
        '<time datetime="2026-03-05T20:07:09.000Z" title="2026-03-05 20:07:09 UTC" data-zone="IST">'
        "6 Mar 2026, 01:37</time>"
    )
    assert ">5 Mar 2026<" in time_tag(NIGHT, UTC, with_clock=False)


@pytest.mark.parametrize("name", [None, "", "Nowhere/Place", "Asia", "../Asia/Tokyo", "UTC\x00", "a" * 99])
def test_a_zone_that_is_none_counts_as_utc(name):
    assert zone_of(name) is UTC


FORM = "application/x-www-form-urlencoded"


def test_a_form_is_read_as_browsers_send_it():
    raw = b"name=A+%26+B&note=&name=%E0%A4%A8"
    assert parse_form(raw, content_type=f"{FORM}; charset=UTF-8") == {"name": "न", "note": ""}
    assert parse_form(b"", content_type=None) == {}


@pytest.mark.parametrize(
    ("raw", "content_type", "code"),
    [
        (b"{}", "application/json", "form_expected"),
        (b"a=1", None, "form_expected"),
        (b"a=%ff", FORM, "bad_request"),
        (b"a=\xff", FORM, "bad_request"),
        (b"a=%00", FORM, "bad_request"),
        (b"&".join(b"a=1" for _ in range(101)), FORM, "bad_request"),
        (b"note=4111+1111+1111+1111", FORM, "card_number_refused"),
        (b"a%00=1", FORM, "bad_request"),
    ],
)
def test_n13_s18_a_form_that_is_none_or_holds_a_card_is_refused(raw, content_type, code):
    with pytest.raises(Problem) as refused:
        parse_form(raw, content_type=content_type)
    assert refused.value.code == code


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_a_form(raw):
    try:
        fields = parse_form(raw, content_type=FORM)
    except Problem:
        return
    assert all(isinstance(value, str) for value in fields.values())


def test_a_text_that_one_language_lacks_is_noticed():
    texts = Texts({"en": {"a": "{x}", "b": "b"}, "hi": {"a": "{y}", "c": "c"}})
    assert texts.differences() == ["hi: b is missing", "hi: c is too many", "hi: a has other placeholders"]
    assert texts.say("hi", "b") == "b"
    with pytest.raises(KeyError):
        texts.say("en", "a")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("hi;q=2.x, en", "en"),
        ("hi;q=0.2,en;q=0.1", "hi"),
        ("*", "en"),
        (";;,,q=", "en"),
        ("hi;q=٣", "hi"),
        ("hi" * 999, "en"),
    ],
)
def test_a_strange_header_of_languages_is_harmless(accepted, language):
    texts = Texts({"en": {}, "hi": {}})
    assert texts.choose(wanted=None, kept=None, accepted=accepted) == language
