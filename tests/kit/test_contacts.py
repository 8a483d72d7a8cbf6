"""Addresses and numbers: one spelling for all that mean the same, none for what is none, and a mask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.contacts import masked_email, masked_phone, plain_email, plain_phone


@pytest.mark.parametrize(
    "written",
    ["+919812345670", "+91 98123 45670", "9812345670", "098123 45670", "919812345670", " +91-98123-45670 "],
)
def test_a_number_has_one_spelling(written):
    assert plain_phone(written) == "+919812345670"


def test_a_number_of_another_country_keeps_it():
    assert plain_phone("+1 (415) 555-2671") == "+14155552671"


@pytest.mark.parametrize(
    "written", ["", "12", "call me", "+", "+91 98123 4567O", "1" * 40, "९८१२३४५६७०", "+999123456789", "+9112345"]
)
def test_what_is_no_number_is_none(written):
    assert plain_phone(written) is None


def test_an_address_has_one_spelling():
    assert plain_email(" A.B+c@Example.ORG ") == "a.b+c@example.org"


@pytest.mark.parametrize(
    "written", ["", "a", "a@b", "@example.org", "a b@example.org", "a@exam ple.org", "a@.org", "a\x00@b.org",
                "a@b@c.org", "<a>@b.org", f"{'a' * 250}@example.org"],
)  # fmt: skip
def test_what_is_no_address_is_none(written):
    assert plain_email(written) is None


@given(text=st.text(max_size=300))
def test_n3_whatever_is_written_is_read_or_is_none_and_reads_the_same_again(text):
    for plain in (plain_email, plain_phone):
        found = plain(text)
        assert found is None or plain(found) == found


def test_a_mask_leaves_enough_to_recognise_and_too_little_to_use():
    assert masked_email("gaurav@example.org") == "g***@example.org"
    assert masked_phone("+919812345670") == "+********5670"
