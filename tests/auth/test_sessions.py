"""Journeys of a session: sign up, sign in, refresh, sign out, and everything that ends it."""

import asyncio
import secrets

import pytest

PROFILE = "/api/v1/auth/profile"
REFRESH = "/api/v1/auth/refresh"
SESSIONS = "/api/v1/auth/sessions"
PASSWORD = "correct horse battery"
NEW_PASSWORD = "staple battery horse"
MOST_SECONDS = 30
"""How long an access token may outlive what ended it (S6)."""


async def status_of(world, token):
    return (await world.ask("GET", PROFILE, bearer=token)).status


async def refreshed(world, token):
    return await world.ask("POST", REFRESH, {"refresh_token": token})


async def test_a_person_signs_up_signs_in_works_and_signs_out(world, clock, sign_in):
    email = f"Asha-{secrets.token_hex(6)}@Example.com"
    body = {"email": email, "password": PASSWORD, "full_name": " Asha Rao ", "merchant_name": "Corner Shop"}
    made = await world.ask("POST", "/api/v1/auth/signup", body)
    assert (made.status, made.data) == (201, {"email": email.lower()})

    tokens = (await sign_in(email)).data
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", world.settings.access_token_expire_minutes * 60)
    token = tokens["access_token"]
    mine = (await world.ask("GET", PROFILE, bearer=token)).data
    assert (mine["email"], mine["full_name"], mine["role"]) == (email.lower(), "Asha Rao", "owner")
    changed = await world.ask("PATCH", PROFILE, {"full_name": "Asha R."}, bearer=token)
    assert changed.data["full_name"] == "Asha R."
    assert (await world.ask("GET", PROFILE, bearer=token)).data == changed.data
    merchant = (await world.ask("GET", "/api/v1/merchant", bearer=token)).data
    assert (merchant["id"], merchant["name"]) == (mine["merchant_id"], "Corner Shop")

    clock.advance(seconds=60)
    renewed = (await refreshed(world, tokens["refresh_token"])).data
    assert renewed["session_id"] == tokens["session_id"]
    assert renewed["refresh_token"] != tokens["refresh_token"]
    listed = (await world.ask("GET", SESSIONS, bearer=renewed["access_token"])).data["items"]
    assert [(one["id"], one["is_current"]) for one in listed] == [(tokens["session_id"], True)]
    assert listed[0]["last_used_at"] > listed[0]["created_at"]

    assert (await world.ask("POST", "/api/v1/auth/signout", bearer=renewed["access_token"])).status == 200
    assert (await refreshed(world, renewed["refresh_token"])).status == 401
    clock.advance(seconds=MOST_SECONDS)
    assert await status_of(world, renewed["access_token"]) == 401


@pytest.mark.parametrize("end", ["sign out", "password", "end the session", "end the others", "disable"])
async def test_s6_what_ends_a_session_ends_its_access_within_30_seconds(world, clock, merchant, hire, sign_in, end):
    tokens = await hire(merchant, "developer")
    email, user_id = tokens["user"]["email"], tokens["user"]["id"]
    elsewhere = (await sign_in(email)).data
    assert await status_of(world, tokens["access_token"]) == 200  # it is in the cache now
    match end:
        case "sign out":
            answer = await world.ask("POST", "/api/v1/auth/signout", bearer=tokens["access_token"])
        case "password":
            body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
            answer = await world.ask("POST", "/api/v1/auth/password", body, bearer=elsewhere["access_token"])
        case "end the session":
            path = f"{SESSIONS}/{tokens['session_id']}"
            answer = await world.ask("DELETE", path, bearer=elsewhere["access_token"])
        case "end the others":
            answer = await world.ask("DELETE", SESSIONS, bearer=elsewhere["access_token"])
        case "disable":
            answer = await merchant.ask_as_owner("PATCH", f"/api/v1/users/{user_id}", {"status": "disabled"})
    assert answer.status == 200, answer.body
    clock.advance(seconds=MOST_SECONDS)
    assert await status_of(world, tokens["access_token"]) == 401
    if end in {"sign out", "end the session", "end the others"}:
        assert await status_of(world, elsewhere["access_token"]) == 200
    assert (await refreshed(world, tokens["refresh_token"])).code == "token_invalid"
    assert await status_of(world, elsewhere["access_token"]) == (401 if end == "disable" else 200)


async def test_s6_a_new_password_replaces_the_old_one_and_a_wrong_one_changes_nothing(world, merchant, sign_in):
    ask = {"current_password": "not my password", "new_password": NEW_PASSWORD}
    refused = await merchant.ask_as_owner("POST", "/api/v1/auth/password", ask)
    assert (refused.status, refused.code) == (403, "wrong_password")
    for new in ("short", "a" * 73, "Password123", merchant.email):
        answer = await merchant.ask_as_owner(
            "POST", "/api/v1/auth/password", {"current_password": PASSWORD, "new_password": new}
        )
        assert answer.code == "password_refused", new
    assert (await sign_in(merchant.email, NEW_PASSWORD)).status == 401
    ask["current_password"] = PASSWORD
    assert (await merchant.ask_as_owner("POST", "/api/v1/auth/password", ask)).status == 200
    assert (await sign_in(merchant.email)).status == 401
    assert (await sign_in(merchant.email, NEW_PASSWORD)).status == 200
    assert await status_of(world, merchant.token) == 200


async def test_s6_a_disabled_member_is_out_until_enabled_again(world, clock, merchant, hire, sign_in):
    tokens = await hire(merchant, "viewer")
    path = f"/api/v1/users/{tokens['user']['id']}"
    assert (await merchant.ask_as_owner("PATCH", path, {"status": "disabled"})).data["status"] == "disabled"
    assert (await sign_in(tokens["user"]["email"])).code == "invalid_credentials"
    assert (await merchant.ask_as_owner("PATCH", path, {"status": "active"})).status == 200
    again = await sign_in(tokens["user"]["email"])
    assert await status_of(world, again.data["access_token"]) == 200
    clock.advance(seconds=MOST_SECONDS)
    assert (await refreshed(world, tokens["refresh_token"])).status == 401  # the old session stays ended


async def test_s5_each_refresh_token_works_once_and_reuse_ends_the_family(world, clock, merchant, sign_in):
    tokens = (await sign_in(merchant.email)).data
    chain = [tokens["refresh_token"]]
    for _ in range(3):
        clock.advance(seconds=60)
        chain.append((await refreshed(world, chain[-1])).data["refresh_token"])
    assert len(set(chain)) == 4
    clock.advance(seconds=11)
    assert (await refreshed(world, chain[1])).code == "token_invalid"  # a thief, or its victim
    for token in chain:
        assert (await refreshed(world, token)).status == 401
    clock.advance(seconds=MOST_SECONDS)
    assert await status_of(world, tokens["access_token"]) == 401
    assert await status_of(world, merchant.token) == 200  # another sign-in is another family
    log = (await merchant.ask_as_owner("GET", "/api/v1/audit-log")).data["items"]
    alarms = [entry["target"] for entry in log if entry["action"] == "session.revoked_for_reuse"]
    assert alarms == [tokens["session_id"]]


async def test_s5_two_refreshes_at_once_get_the_same_successor(world, clock, merchant):
    answers = await asyncio.gather(*(refreshed(world, merchant.refresh_token) for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    successors = {answer.data["refresh_token"] for answer in answers}
    assert len(successors) == 1
    clock.advance(seconds=10)
    assert (await refreshed(world, merchant.refresh_token)).data["refresh_token"] in successors
    clock.advance(seconds=1)
    assert (await refreshed(world, merchant.refresh_token)).status == 401  # the grace is over: that was a theft
    assert (await refreshed(world, successors.pop())).status == 401


async def test_s5_a_token_from_two_steps_back_is_theft_even_within_the_grace(world, merchant):
    first = merchant.refresh_token
    second = (await refreshed(world, first)).data["refresh_token"]
    third = (await refreshed(world, second)).data["refresh_token"]
    assert (await refreshed(world, first)).status == 401
    assert (await refreshed(world, third)).status == 401


async def test_s5_a_made_up_refresh_token_ends_nobodys_session(world, merchant, other):
    prefix, session_id, generation, mac = merchant.refresh_token.split(".")
    stranger = other.refresh_token.split(".")
    for forged in (
        f"{prefix}.{session_id}.0.{mac}",
        f"{prefix}.{session_id}.{generation}.{stranger[3]}",
        f"{prefix}.{stranger[1]}.{generation}.{mac}",
        f"{prefix}.ses_nobody.{generation}.{mac}",
        f"{prefix}.{session_id}.{generation}.",
        merchant.token,
        merchant.secret,
        "pgr...",
    ):
        assert (await refreshed(world, forged)).status == 401, forged
    assert (await refreshed(world, merchant.refresh_token)).status == 200
    assert (await refreshed(world, other.refresh_token)).status == 200


async def test_a_session_ends_after_its_days_and_access_after_its_minutes(world, clock, merchant, sign_in):
    tokens = (await sign_in(merchant.email)).data
    assert await status_of(world, tokens["access_token"]) == 200
    clock.advance(seconds=tokens["expires_in"] + MOST_SECONDS)
    assert await status_of(world, tokens["access_token"]) == 401
    clock.advance(seconds=world.settings.refresh_token_expire_days * 24 * 3600)
    assert (await refreshed(world, tokens["refresh_token"])).status == 401


async def test_s3_a_cached_token_ends_at_its_time(world, clock, merchant, sign_in):
    tokens = (await sign_in(merchant.email)).data
    clock.advance(seconds=tokens["expires_in"] - 1)
    assert await status_of(world, tokens["access_token"]) == 200
    clock.advance(seconds=1)
    assert await status_of(world, tokens["access_token"]) == 401


async def test_s11_each_sign_in_is_a_new_session_and_shows_no_secret(merchant, world, sign_in):
    first, second = [(await sign_in(merchant.email)).data for _ in range(2)]
    assert first["session_id"] != second["session_id"]
    assert first["refresh_token"].split(".")[3] != second["refresh_token"].split(".")[3]
    listed = await merchant.ask_as_owner("GET", SESSIONS)
    assert len(listed.data["items"]) == 3
    for token in (first["refresh_token"], second["access_token"], "salt"):
        assert token.encode() not in listed.body


async def test_s13_nobody_ends_another_persons_session(world, merchant, other, hire):
    mate = await hire(merchant, "developer")
    for token in (other.token, mate["access_token"]):
        owner_session = merchant.refresh_token.split(".")[1]
        answer = await world.ask("DELETE", f"{SESSIONS}/{owner_session}", bearer=token)
        assert (answer.status, answer.code) == (404, "session_not_found")
    assert (await refreshed(world, merchant.refresh_token)).status == 200


async def test_s6_a_user_disabled_behind_the_services_back_is_out_too(world, clock, merchant):
    """A status that was set while a sign-in was under way ends what no list of sessions named."""
    users = world.wiring.database.collection("users")
    await users.update_one({"email": merchant.email}, {"$set": {"status": "disabled"}})
    clock.advance(seconds=MOST_SECONDS)
    assert await status_of(world, merchant.token) == 401
    assert (await refreshed(world, merchant.refresh_token)).status == 401


@pytest.mark.parametrize(("token", "status"), [(None, 200), ("good", 200), ("bad", 401)])
async def test_an_open_page_takes_no_credentials_or_good_ones(world, merchant, token, status):
    bearer = {"good": merchant.token, "bad": merchant.token + "x"}.get(token)
    assert (await world.ask("GET", "/db-status", bearer=bearer)).status == status
    assert (await world.ask("GET", "/health", bearer=bearer)).status == 200  # nobody looks at them here


async def test_t6_what_the_services_return_shows_no_token(world, merchant):
    signed_in = await world.wiring.sessions.sign_in(
        email=merchant.email, password=PASSWORD, address="here", user_agent=None
    )
    shown = repr(signed_in)
    assert signed_in.session_id in shown
    assert signed_in.access_token not in shown
    assert signed_in.refresh_token not in shown
