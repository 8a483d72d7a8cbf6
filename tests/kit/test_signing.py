"""Signatures: the known answers, and that nothing but the right one is right (B8, B9, B11, S16)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.signing import is_signed_by_any, sha256_hex, sign_hex

KEY = "EnLs21M47BllR3X8PSFtjtbd"
# The processor's own published examples, recomputed.
VECTORS = [
    (
        KEY,
        b"order_IEIaMR65cu6nz3|pay_IH4NVgf4Dreq1l",
        "0d4e745a1838664ad6c9c9902212a32d627d68e917290b0ad5f08ff4561bc50f",
    ),
    (
        KEY,
        b"plink_IH3cNucfVEgV68|TSsd1989|paid|pay_IH3d0ara9bSsjQ",
        "07ae18789e35093e51d0a491eb9922646f3f82773547e5b0f67ee3f2d3bf7d5b",
    ),
    (
        KEY,
        b"pay_IDZNwZZFtnjyym|sub_ID6MOhgkcoHj9I",
        "601f383334975c714c91a7d97dd723eb56520318355863dcf3821c0d07a17693",
    ),
    (
        "key_secret",
        b"fake_order_id|fake_payment_id",
        "b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89",
    ),
    ("123456", b'{"a":1,"b":2,"c":{"d":3}}', "2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc"),
]
MESSAGE = VECTORS[0][1]
GOOD = VECTORS[0][2]
LETTERS = "0123456789abcdefABCDEF gz\n\t|_-éЖ０\x00\ud800"


@pytest.mark.parametrize(("secret", "message", "signature"), VECTORS)
def test_the_published_signatures_are_ours_too(secret: str, message: bytes, signature: str) -> None:
    assert sign_hex(message, secret=secret) == signature
    assert is_signed_by_any(message, signature, secrets=[secret])


def test_b11_any_of_the_secrets_may_have_signed() -> None:
    assert is_signed_by_any(MESSAGE, GOOD, secrets=["new", KEY])
    assert is_signed_by_any(MESSAGE, GOOD, secrets=[KEY, "new"])
    assert not is_signed_by_any(MESSAGE, GOOD, secrets=["new", "other"])
    assert not is_signed_by_any(MESSAGE, GOOD, secrets=[])


def test_an_empty_secret_signs_nothing() -> None:
    assert not is_signed_by_any(MESSAGE, sign_hex(MESSAGE, secret=""), secrets=["", KEY])


def _mutations(count: int) -> list[str | None]:
    """Return wrong signatures: edited, cut, padded, in other cases and alphabets; the same ones in every run."""
    choose = random.Random(8)  # noqa: S311  no secret is drawn
    made: list[str | None] = [None, "", GOOD.upper(), GOOD.swapcase(), f" {GOOD}", f"{GOOD}\n", f"0x{GOOD}", GOOD * 2]
    made += [GOOD[:length] for length in range(64)]
    while len(made) < count:
        letters = list(GOOD)
        for _ in range(choose.randint(1, 4)):
            letters[choose.randrange(len(letters))] = choose.choice(LETTERS)
        mutated = "".join(letters)
        if mutated != GOOD:
            made.append(mutated)
    return made


def test_b8_of_a_thousand_mutated_signatures_none_is_accepted_and_none_raises() -> None:
    mutations = _mutations(1000)
    assert len(mutations) >= 1000
    assert [mutated for mutated in mutations if is_signed_by_any(MESSAGE, mutated, secrets=[KEY])] == []


@given(signature=st.one_of(st.none(), st.text(max_size=80)))
def test_b8_no_text_is_accepted_by_chance_or_raises(signature: str | None) -> None:
    assert not is_signed_by_any(MESSAGE, signature, secrets=[KEY])


@given(message=st.binary(max_size=300), at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_b9_a_body_altered_by_one_bit_is_not_the_signed_one(message: bytes, at: int, bit: int) -> None:
    signature = sign_hex(message, secret=KEY)
    assert is_signed_by_any(message, signature, secrets=[KEY])
    altered = bytearray(message or b"\x00")
    altered[at % len(altered)] ^= 1 << bit
    assert not is_signed_by_any(bytes(altered), signature, secrets=[KEY])


@given(left=st.lists(st.binary(max_size=6), max_size=5), right=st.lists(st.binary(max_size=6), max_size=5))
def test_lists_of_parts_share_a_digest_only_if_they_are_equal(left: list[bytes], right: list[bytes]) -> None:
    assert (sha256_hex(*left) == sha256_hex(*right)) == (left == right)


def test_parts_can_not_be_shifted_into_each_other() -> None:
    assert sha256_hex(b"ab", b"c") != sha256_hex(b"a", b"bc")
    assert sha256_hex(b"") != sha256_hex()
