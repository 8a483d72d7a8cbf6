"""What a password may be, and how passwords are hashed: either scheme, a bounded queue, the same work for nobody."""

import asyncio
import contextlib

import pytest

from app.auth.passwords import LEAST_LENGTH, MOST_LENGTH, Passwords, check_acceptable
from app.auth.problems import PasswordRefused, TooManySignIns

PHRASE = "correct horse battery"
EMAIL = "asha@example.com"
BYTES_72 = "é" * 36
BYTES_73 = BYTES_72 + "a"


@contextlib.contextmanager
def hashing(*, use_argon2=False, rounds=4, **options):
    passwords = Passwords.create(use_argon2=use_argon2, bcrypt_rounds=rounds, workers=2, **options)
    try:
        yield passwords
    finally:
        passwords.close()


@pytest.mark.parametrize(
    ("password", "is_bcrypt", "is_good"),
    [
        ("a" * (LEAST_LENGTH - 1), False, False),
        ("a" * LEAST_LENGTH, True, True),
        ("a" * 72, True, True),
        ("a" * 73, True, False),
        (BYTES_72, True, True),
        (BYTES_73, True, False),
        ("😀" * 19, True, False),
        ("😀" * 19, False, True),
        ("a" * MOST_LENGTH, False, True),
        ("a" * (MOST_LENGTH + 1), False, False),
        ("with a \x00 inside", False, False),
        ("\x00" * 20, True, False),
        ("Password123", False, False),
        (EMAIL.upper(), False, False),
    ],
)
def test_s10_only_a_password_that_is_hashed_whole_is_taken(password, is_bcrypt, is_good):
    if is_good:
        check_acceptable(password, email=EMAIL, is_bcrypt=is_bcrypt)
        return
    with pytest.raises(PasswordRefused):
        check_acceptable(password, email=EMAIL, is_bcrypt=is_bcrypt)


@pytest.mark.parametrize(("use_argon2", "start"), [(False, "$2b$04$"), (True, "$argon2id$")])
async def test_a_hash_is_of_the_scheme_that_is_set_and_fits_its_own_password_only(use_argon2, start):
    with hashing(use_argon2=use_argon2) as passwords:
        hashed = await passwords.hash(PHRASE)
        assert hashed.startswith(start)
        assert hashed != await passwords.hash(PHRASE)
        assert await passwords.verify(PHRASE, hashed) == (True, None)
        for wrong in (PHRASE + "y", PHRASE[:-1], PHRASE.upper(), ""):
            assert await passwords.verify(wrong, hashed) == (False, None)


@pytest.mark.parametrize(
    ("before", "after", "start"),
    [
        ({"use_argon2": False}, {"use_argon2": True}, "$argon2id$"),
        ({"use_argon2": True}, {"use_argon2": False}, "$2b$04$"),
        ({"rounds": 4}, {"rounds": 5}, "$2b$05$"),
    ],
    ids=["to argon2id", "to bcrypt", "to another cost"],
)
async def test_a_hash_of_another_scheme_or_cost_verifies_and_is_replaced(before, after, start):
    with hashing(**before) as old, hashing(**after) as new:
        hashed = await old.hash(PHRASE)
        fits, better = await new.verify(PHRASE, hashed)
        assert fits
        assert better.startswith(start)
        assert await new.verify(PHRASE, better) == (True, None)
        assert await new.verify("a wrong phrase", hashed) == (False, None)


async def test_s10_a_long_password_outlives_the_return_to_bcrypt():
    """bcrypt can't hash it whole, so its Argon2id hash stays: its owner must still come in."""
    with hashing(use_argon2=True) as old, hashing() as new:
        hashed = await old.hash("a" * 100)
        assert await new.verify("a" * 100, hashed) == (True, None)
        assert await new.verify("a" * 99, hashed) == (False, None)


@pytest.mark.parametrize("use_argon2", [False, True])
@pytest.mark.parametrize("password", ["a" * 73, BYTES_73, "a" * 1024, "nul\x00inside it", "\ud800 lone surrogate"])
async def test_s10_what_bcrypt_cannot_hash_is_wrong_and_no_error(password, use_argon2):
    with hashing() as bcrypt, hashing(use_argon2=use_argon2) as passwords:
        hashed = await bcrypt.hash("a" * 72)
        assert await passwords.verify(password, hashed) == (False, None)
        assert await passwords.verify(password, None) == (False, None)
        assert await passwords.verify(password, "no hash at all") == (False, None)


async def test_s9_nobody_costs_one_hash_like_somebody():
    with hashing() as passwords:
        hashed = await passwords.hash(PHRASE)
        for stored in (hashed, None):
            before = passwords.hashed_count
            assert await passwords.verify("a wrong phrase", stored) == (False, None)
            assert passwords.hashed_count == before + 1
        assert await passwords.verify("nobody has this password", None) == (False, None)


async def test_s8_a_full_queue_refuses_at_once_and_takes_again_when_it_is_empty():
    with hashing(queue_limit=3) as passwords:
        ends = await asyncio.gather(*(passwords.hash(PHRASE) for _ in range(10)), return_exceptions=True)
        assert [type(end) for end in ends].count(TooManySignIns) == 7
        assert passwords.hashed_count == 3
        assert await passwords.hash(PHRASE)


async def test_s8_the_loop_goes_on_while_passwords_are_hashed():
    with hashing(rounds=10) as passwords:
        turns = 0
        work = asyncio.gather(*(passwords.hash(PHRASE) for _ in range(3)))
        while not work.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert len(await work) == 3
        assert turns > 5
