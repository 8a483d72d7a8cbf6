"""Against guessing: budgets and delays, and answers that do not tell whether somebody has an account."""

import asyncio
import dataclasses
import secrets

import pytest

from app.auth.keys_store import AttemptStore
from app.auth.passwords import Passwords
from app.auth.problems import InvalidCredentials, SignupDisabled, TooManyAttempts, WrongPassword
from app.auth.service import NewUser
from app.auth.throttle import PER_ACCOUNT, PER_ADDRESS, WINDOW, Throttle
from app.kit.scope import Mode
from app.web.principal import Principal, SubjectKind

PASSWORD = "correct horse battery"


@pytest.fixture
def waits():
    """How long each attempt would have been made to wait."""
    return []


@pytest.fixture
def throttle(world, clock, waits):
    async def note(seconds):
        waits.append(seconds)

    return Throttle(AttemptStore(world.wiring.database), clock, sleep=note)


@pytest.fixture
def sessions(world, throttle):
    """The product's sign-in, which notes its delays instead of waiting."""
    return dataclasses.replace(world.wiring.sessions, throttle=throttle)


@pytest.fixture
def somewhere():
    """An address nobody else asks from."""
    return f"2001:db8::{secrets.token_hex(2)}:{secrets.token_hex(2)}"


@pytest.fixture
def guess(sessions, somewhere):
    async def guess(email, password="a wrong phrase", address=somewhere):  # noqa: S107  a wrong one
        return await sessions.sign_in(email=email, password=password, address=address, user_agent="x" * 500)

    return guess


def nobody():
    return f"nobody-{secrets.token_hex(6)}@example.com"


async def test_s7_an_account_locks_after_ten_guesses_until_the_window_ends(world, clock, merchant, guess, waits):
    await guess(merchant.email, PASSWORD)
    hashed = world.wiring.passwords.hashed_count
    for _ in range(PER_ACCOUNT):
        with pytest.raises(InvalidCredentials):
            await guess(merchant.email)
    assert waits == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    with pytest.raises(TooManyAttempts) as refusal:
        await guess(merchant.email, PASSWORD)
    assert refusal.value.retry_after_seconds == WINDOW.total_seconds()
    assert world.wiring.passwords.hashed_count == hashed + PER_ACCOUNT  # what is refused reaches no hash
    clock.advance(seconds=WINDOW.total_seconds() - 1)
    with pytest.raises(TooManyAttempts) as refusal:
        await guess(merchant.email, PASSWORD)
    assert refusal.value.retry_after_seconds == 1
    clock.advance(seconds=1)
    assert (await guess(merchant.email, PASSWORD)).user.email == merchant.email


async def test_s7_a_success_gives_the_account_its_budget_back(merchant, guess):
    for _ in range(2):
        for _ in range(PER_ACCOUNT - 1):
            with pytest.raises(InvalidCredentials):
                await guess(merchant.email)
        assert (await guess(merchant.email, PASSWORD)).user.email == merchant.email


async def test_s7_parallel_guesses_do_not_slip_past_the_budget(world, merchant, guess):
    before = world.wiring.passwords.hashed_count
    ends = await asyncio.gather(*(guess(merchant.email) for _ in range(40)), return_exceptions=True)
    kinds = [type(end) for end in ends]
    assert kinds.count(InvalidCredentials) == PER_ACCOUNT
    assert kinds.count(TooManyAttempts) == 30
    assert world.wiring.passwords.hashed_count == before + PER_ACCOUNT


async def test_s7_one_address_cannot_try_many_accounts(merchant, throttle, guess, somewhere):
    for number in range(PER_ADDRESS):
        await throttle.count(account=f"{number}-{nobody()}", address=somewhere)
    with pytest.raises(TooManyAttempts):
        await guess(merchant.email, PASSWORD)
    assert (await guess(merchant.email, PASSWORD, address="another address")).user.email == merchant.email


async def test_s7_over_http_a_locked_account_answers_429_with_the_wait(merchant, throttle, sign_in):
    for _ in range(PER_ACCOUNT):
        await throttle.count(account=merchant.email, address="elsewhere")
    answer = await sign_in(merchant.email.upper())
    assert (answer.status, answer.code) == (429, "too_many_attempts")
    assert answer.headers["Retry-After"] == str(int(WINDOW.total_seconds()))


@pytest.fixture
def change(world, sessions):
    """The product's change of password, which notes its delays instead of waiting."""
    accounts = dataclasses.replace(world.wiring.accounts, sessions=sessions)

    async def change(user, current):
        principal = Principal(
            tenant=user.tenant,
            mode=Mode.TEST,
            subject_id=user.id,
            subject_kind=SubjectKind.USER,
            user_id=user.id,
            permissions=frozenset(),
        )
        await accounts.change_password(principal, current=current, new=PASSWORD)

    return change


async def test_s7_a_stolen_access_token_does_not_guess_the_password_without_end(
    world, clock, merchant, guess, change, waits
):
    user = (await guess(merchant.email, PASSWORD)).user
    hashed = world.wiring.passwords.hashed_count
    ends = await asyncio.gather(*(change(user, "a wrong phrase") for _ in range(30)), return_exceptions=True)
    kinds = [type(end) for end in ends]
    assert (kinds.count(WrongPassword), kinds.count(TooManyAttempts)) == (PER_ACCOUNT, 30 - PER_ACCOUNT)
    assert world.wiring.passwords.hashed_count == hashed + PER_ACCOUNT
    assert sorted(waits) == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    with pytest.raises(TooManyAttempts):
        await change(user, PASSWORD)
    body = {"current_password": PASSWORD, "new_password": "another phrase"}
    over_http = await merchant.ask_as_owner("POST", "/api/v1/auth/password", body)
    assert (over_http.status, over_http.code) == (429, "too_many_attempts")
    assert over_http.headers["Retry-After"] == str(int(WINDOW.total_seconds()))
    assert (await guess(merchant.email, PASSWORD)).user == user  # the thief locks nobody out of signing in
    clock.advance(seconds=WINDOW.total_seconds())
    await change(user, PASSWORD)


async def test_s7_a_changed_password_gives_the_budget_back_and_a_stranger_cannot_use_it_up(
    merchant, guess, change, throttle
):
    user = (await guess(merchant.email, PASSWORD)).user
    for _ in range(PER_ACCOUNT):
        await throttle.count(account=merchant.email, address="a stranger's")
    for _ in range(2):
        for _ in range(PER_ACCOUNT - 1):
            with pytest.raises(WrongPassword):
                await change(user, "a wrong phrase")
        await change(user, PASSWORD)


async def test_s7_the_counters_name_nobody(world, throttle):
    email = nobody()
    await throttle.count(account=email, address="192.0.2.77")
    async for counter in world.wiring.database.collection("sign_in_attempts").find():
        assert email not in str(counter)
        assert "192.0.2.77" not in str(counter)


async def test_s9_an_unknown_account_and_a_wrong_password_look_and_cost_the_same(world, merchant, hire, sign_in):
    gone = await hire(merchant, "viewer")
    path = f"/api/v1/users/{gone['user']['id']}"
    await merchant.ask_as_owner("PATCH", path, {"status": "disabled"})
    passwords, seen = world.wiring.passwords, []
    for email, password in (
        (nobody(), PASSWORD),
        (merchant.email, "a wrong phrase"),
        (gone["user"]["email"], PASSWORD),
        (merchant.email, "a" * 1024),
    ):
        before = passwords.hashed_count
        answer = await sign_in(email, password)
        shown = {name: value for name, value in answer.json["error"].items() if name != "request_id"}
        seen.append((answer.status, shown, sorted(answer.headers), passwords.hashed_count - before))
    assert seen[0][0] == 401
    assert seen[0][3] == 1
    assert all(one == seen[0] for one in seen)


async def test_s9_an_unknown_account_locks_like_a_known_one(guess, merchant, waits):
    ends = {}
    for email in (nobody(), merchant.email):
        waits.clear()
        kinds = []
        for _ in range(PER_ACCOUNT + 2):
            try:
                await guess(email)
            except (InvalidCredentials, TooManyAttempts) as problem:
                kinds.append(problem.code)
        ends[email] = (kinds, list(waits))
    first, second = ends.values()
    assert first == second
    assert first[0].count("too_many_attempts") == 2


async def test_s9_signing_up_with_a_taken_e_mail_answers_the_same_and_changes_nothing(world, merchant, sign_in):
    passwords, seen = world.wiring.passwords, []
    merchants = world.wiring.database.collection("merchants")
    for email in (nobody(), merchant.email):
        before, rows = passwords.hashed_count, await merchants.count_documents({})
        body = {"email": email, "password": "a phrase of a stranger", "full_name": "X", "merchant_name": "Y"}
        answer = await world.ask("POST", "/api/v1/auth/signup", body)
        assert answer.data == {"email": email}
        seen.append((answer.status, answer.json["message"], sorted(answer.headers), passwords.hashed_count - before))
        made = await merchants.count_documents({}) - rows
        assert made == (0 if email == merchant.email else 1)
    assert seen[0] == seen[1]
    assert (await sign_in(merchant.email, "a phrase of a stranger")).status == 401
    assert (await sign_in(merchant.email)).data["user"]["merchant_id"] == merchant.id


async def test_two_sign_ups_at_once_make_one_account(world, sign_in):
    body = {"email": nobody(), "password": PASSWORD, "full_name": "X", "merchant_name": "Y"}
    answers = await asyncio.gather(*(world.ask("POST", "/api/v1/auth/signup", body) for _ in range(6)))
    assert {answer.status for answer in answers} == {201}
    assert await world.wiring.database.collection("users").count_documents({"email": body["email"]}) == 1
    assert (await sign_in(body["email"])).status == 200


async def test_a_closed_service_takes_no_sign_ups(world):
    closed = dataclasses.replace(world.wiring.accounts, signup_enabled=False)
    new = NewUser(email=nobody(), password=PASSWORD, full_name="X")
    assert PASSWORD not in repr(new)
    with pytest.raises(SignupDisabled):
        await closed.sign_up(new, merchant_name="Y")


async def test_s10_a_hash_of_the_old_scheme_is_replaced_at_sign_in(world, merchant, guess, sessions):
    users = world.wiring.database.collection("users")
    argon2 = Passwords.create(use_argon2=True, bcrypt_rounds=4, workers=1)
    moved = dataclasses.replace(sessions, passwords=argon2)
    try:
        assert (await users.find_one({"email": merchant.email}))["hashed_password"].startswith("$2b$")
        for _ in range(2):
            ask = {"email": merchant.email, "password": PASSWORD, "address": "here", "user_agent": None}
            assert (await moved.sign_in(**ask)).user.id
            stored = (await users.find_one({"email": merchant.email}))["hashed_password"]
            assert stored.startswith("$argon2id$")
    finally:
        argon2.close()
    assert (await guess(merchant.email, PASSWORD)).user.email == merchant.email
    assert (await users.find_one({"email": merchant.email}))["hashed_password"].startswith("$2b$")
