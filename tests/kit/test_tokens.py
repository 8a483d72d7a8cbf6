"""Tokens of ids: genuine, of the previous secret, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.tokens import SignedIds

ID = "pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK"
TOKENS = SignedIds.of("a secret", purpose="test v1")


def test_a_token_is_read_again_and_shows_nothing_of_the_secret():
    token = TOKENS.token_of(ID)
    assert TOKENS.id_of(token) == ID
    assert token.startswith(f"{ID}.")
    assert len(token) == len(ID) + 1 + 22
    assert "secret" not in repr(TOKENS)


def test_a_rotation_of_the_secret_ends_no_token():
    token = TOKENS.token_of(ID)
    rotated = SignedIds.of("another", "a secret", purpose="test v1")
    assert rotated.id_of(token) == ID
    assert rotated.token_of(ID) != token
    assert SignedIds.of("another", purpose="test v1").id_of(token) is None


def test_a_token_of_another_purpose_is_none():
    assert SignedIds.of("a secret", purpose="other v1").id_of(TOKENS.token_of(ID)) is None


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t.lower(), lambda t: "x" + t])
def test_a_token_that_was_changed_is_none(change):
    assert TOKENS.id_of(change(TOKENS.token_of(ID))) is None


@given(st.text(max_size=120))
def test_no_text_is_a_token_by_accident(text):
    assert TOKENS.id_of(text) is None
    assert TOKENS.id_of(f"{ID}.{text}") is None
