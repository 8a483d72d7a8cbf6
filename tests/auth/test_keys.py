"""API keys: shown once, kept as a digest, scoped, rolled with an overlap, revoked; and every bad credential."""

import base64
from datetime import timedelta

import pytest

from app.auth.models import KEY_SCOPES, ROLE_PERMISSIONS, Role
from app.kit.clock import to_rfc3339

KEYS = "/api/v1/api-keys"
PAYMENTS = "/api/v1/payments"
DAY = 24 * 3600


async def made(merchant, **body):
    answer = await merchant.ask_as_owner("POST", KEYS, {"name": "Shop server", **body})
    assert answer.status == 201, answer.body
    return answer.data


async def works(world, secret):
    return (await world.ask("GET", PAYMENTS, bearer=secret)).status == 200


def basic(name, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


@pytest.mark.parametrize("mode", ["test", "live"])
async def test_s15_a_key_is_shown_once_and_kept_as_a_digest(world, clock, merchant, mode):
    clock.advance(seconds=1)  # ids of one moment have no order
    key = await made(merchant, mode=mode)
    secret = key.pop("secret")
    assert secret.startswith(f"pgk_{mode}_")
    assert secret.endswith(key["hint"])
    assert (key["mode"], key["scopes"]) == (mode, sorted(KEY_SCOPES))
    assert await works(world, secret)
    listed = await merchant.ask_as_owner("GET", KEYS)
    assert [one["id"] for one in listed.data["items"]] == [key["id"], merchant.key_id]
    stored = await world.wiring.database.collection("api_keys").find_one({"_id": key["id"]})
    log = await merchant.ask_as_owner("GET", "/api/v1/audit-log")
    for place in (listed.body.decode(), str(stored), log.body.decode()):
        assert secret not in place
        assert secret[9:40] not in place


async def test_s15_a_key_works_as_bearer_and_as_basic_with_its_own_id_only(world, merchant, other):
    for headers, status in (
        (basic(merchant.key_id, merchant.secret), 200),
        (basic(other.key_id, merchant.secret), 401),
        (basic(merchant.key_id, other.secret), 401),
        (basic("", merchant.secret), 401),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"no colon").decode()}, 401),
        ({"Authorization": f"Digest {merchant.secret}"}, 401),
        ({"Authorization": merchant.secret}, 401),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": f"bearer   {merchant.secret}"}, 200),
        ({"Authorization": f"Bearer {merchant.secret[:-1]}"}, 401),
        ({"Authorization": f"Bearer {merchant.secret}x"}, 401),
        ({"Authorization": f"Bearer {world.wiring.guard.tokens.new_key_secret('test')}"}, 401),
        ({}, 401),
    ):
        answer = await world.ask("GET", PAYMENTS, headers=headers)
        assert answer.status == status, headers


async def test_s15_a_revoked_key_is_out_within_30_seconds(world, clock, merchant):
    key = await made(merchant)
    assert await works(world, key["secret"])
    for _ in range(2):
        answer = await merchant.ask_as_owner("DELETE", f"{KEYS}/{key['id']}")
        assert answer.status == 200
        assert answer.data["revoked_at"] is not None
    clock.advance(seconds=30)
    assert not await works(world, key["secret"])
    assert (await merchant.ask_as_owner("POST", f"{KEYS}/{key['id']}/roll")).code == "api_key_not_found"
    assert await works(world, merchant.secret)


async def test_s15_a_rolled_key_overlaps_with_its_successor(world, clock, merchant, sign_in):
    key = await made(merchant, scopes=["payments:read"])
    rolled = await merchant.ask_as_owner("POST", f"{KEYS}/{key['id']}/roll", {"overlap_hours": 2})
    assert rolled.status == 201
    assert (rolled.data["scopes"], rolled.data["mode"], rolled.data["expires_at"]) == (["payments:read"], "test", None)
    clock.advance(seconds=2 * 3600 - 1)
    assert await works(world, key["secret"])
    assert await works(world, rolled.data["secret"])
    clock.advance(seconds=1)
    assert not await works(world, key["secret"])
    assert await works(world, rolled.data["secret"])
    token = (await sign_in(merchant.email)).data["access_token"]
    again = await world.ask("POST", f"{KEYS}/{key['id']}/roll", bearer=token)
    assert again.code == "api_key_not_found"  # a successor of a key that has ended would be dead too


async def test_a_key_ends_at_its_time_and_a_roll_does_not_prolong_it(world, clock, merchant):
    ends_at = to_rfc3339(clock.now() + timedelta(minutes=10))
    key = await made(merchant, expires_at=ends_at)
    rolled = (await merchant.ask_as_owner("POST", f"{KEYS}/{key['id']}/roll")).data
    assert rolled["expires_at"] == ends_at
    for secret in (key["secret"], rolled["secret"]):
        assert await works(world, secret)
    clock.advance(seconds=600)
    for secret in (key["secret"], rolled["secret"]):
        assert not await works(world, secret)


async def listed_end(merchant, key_id):
    rows = (await merchant.ask_as_owner("GET", KEYS)).data["items"]
    return next(row["expires_at"] for row in rows if row["id"] == key_id)


@pytest.mark.parametrize("wished", [None, timedelta(days=30)], ids=["without an end", "with an end"])
async def test_s15_a_key_rolled_again_passes_on_the_end_its_maker_asked_for(world, clock, merchant, sign_in, wished):
    """The second roll is for whom the first one's answer never reached."""
    begin = clock.now()
    ends_at = to_rfc3339(begin + wished) if wished else None
    key = await made(merchant, expires_at=ends_at)
    path = f"{KEYS}/{key['id']}/roll"
    first = (await merchant.ask_as_owner("POST", path, {"overlap_hours": 2})).data
    overlap_end = await listed_end(merchant, key["id"])
    assert overlap_end == to_rfc3339(begin + timedelta(hours=2))
    clock.advance(seconds=3600)
    token = (await sign_in(merchant.email)).data["access_token"]
    second = (await world.ask("POST", path, {"overlap_hours": 2}, bearer=token)).data
    rows = {row["id"]: row for row in (await world.ask("GET", KEYS, bearer=token)).data["items"]}
    assert first["expires_at"] == second["expires_at"] == rows[second["id"]]["expires_at"] == ends_at
    assert rows[key["id"]]["expires_at"] == overlap_end  # neither prolonged nor cut
    clock.advance(seconds=3600)
    assert not await works(world, key["secret"])
    for successor in (first, second):
        assert await works(world, successor["secret"])
    clock.advance(seconds=30 * DAY)
    assert [await works(world, one["secret"]) for one in (first, second)] == [wished is None] * 2


async def test_s15_a_second_roll_without_overlap_ends_the_key_at_once(world, clock, merchant):
    key = await made(merchant)
    path = f"{KEYS}/{key['id']}/roll"
    for hours in (168, 0):
        assert (await merchant.ask_as_owner("POST", path, {"overlap_hours": hours})).data["expires_at"] is None
    clock.advance(seconds=30)
    assert not await works(world, key["secret"])
    assert (await merchant.ask_as_owner("POST", path)).code == "api_key_not_found"


async def test_s15_a_key_that_was_rolled_before_the_two_ends_were_kept_apart_still_ends(world, clock, merchant):
    key = await made(merchant)
    keys = world.wiring.database.collection("api_keys")
    old_shape = {"$set": {"expires_at": clock.now() + timedelta(minutes=5)}, "$unset": {"retires_at": ""}}
    await keys.update_one({"_id": key["id"]}, old_shape)
    assert await works(world, key["secret"])
    clock.advance(seconds=300)
    assert not await works(world, key["secret"])


async def test_s15_a_key_that_would_have_ended_already_is_refused(clock, merchant):
    for ends_at in (clock.now(), clock.now() - timedelta(days=1), clock.now() - timedelta(milliseconds=1)):
        answer = await merchant.ask_as_owner("POST", KEYS, {"name": "late", "expires_at": to_rfc3339(ends_at)})
        assert (answer.status, answer.code) == (422, "expiry_passed")
        assert answer.json["error"]["param"] == "expires_at"
    for nowhere in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2030-01-01T00:00:00", "soon"):
        answer = await merchant.ask_as_owner("POST", KEYS, {"name": "never", "expires_at": nowhere})
        assert (answer.status, answer.code) == (422, "validation_failed"), nowhere
    rows = (await merchant.ask_as_owner("GET", KEYS)).data["items"]
    assert [row["id"] for row in rows] == [merchant.key_id]
    soon = to_rfc3339(clock.now() + timedelta(milliseconds=1))
    assert (await made(merchant, expires_at=soon))["expires_at"] == soon
    assert (await made(merchant, expires_at="9999-12-31T23:59:59Z"))["expires_at"] == "9999-12-31T23:59:59.000Z"


async def test_its_last_use_is_noted_once_a_minute(world, clock, merchant):
    key, seen = await made(merchant), []
    for seconds in (0, 30, 31):
        clock.advance(seconds=seconds)
        assert await works(world, key["secret"])
        rows = (await merchant.ask_as_owner("GET", KEYS)).data["items"]
        seen.append(next(row["last_used_at"] for row in rows if row["id"] == key["id"]))
    assert seen[0] == seen[1] < seen[2]


async def test_s14_a_key_may_do_what_its_scopes_say_and_never_more(world, merchant):
    reader = (await made(merchant, scopes=["payments:read"]))["secret"]
    assert await works(world, reader)
    body = {"amount": 100, "currency": "INR"}
    refused = await world.ask("POST", PAYMENTS, body, bearer=reader, key="one")
    assert (refused.status, refused.code) == (403, "permission_denied")
    for scopes in (["keys:write"], ["users:write"], ["payments:read", "audit:read"], [], ["*"]):
        answer = await merchant.ask_as_owner("POST", KEYS, {"name": "x", "scopes": scopes})
        assert answer.status == 422, scopes
    for method, path in (("GET", KEYS), ("GET", "/api/v1/users"), ("GET", "/api/v1/auth/profile")):
        assert (await merchant.ask(method, path)).status == 403, path


async def test_s14_nobody_makes_or_rolls_a_key_stronger_than_they_are(world, merchant, hire):
    developer = (await hire(merchant, "developer"))["access_token"]
    own = await world.ask("POST", KEYS, {"name": "mine"}, bearer=developer)
    assert own.data["scopes"] == sorted(KEY_SCOPES & ROLE_PERMISSIONS[Role.DEVELOPER])
    asked = await world.ask("POST", KEYS, {"name": "x", "scopes": ["events:replay"]}, bearer=developer)
    rolled = await world.ask("POST", f"{KEYS}/{merchant.key_id}/roll", bearer=developer)
    assert [asked.code, rolled.code] == ["permission_denied"] * 2
    assert await works(world, merchant.secret)


async def test_s13_another_merchants_key_is_not_there(merchant, other, world):
    for method, path in (("DELETE", f"{KEYS}/{merchant.key_id}"), ("POST", f"{KEYS}/{merchant.key_id}/roll")):
        answer = await other.ask_as_owner(method, path)
        assert (answer.status, answer.code) == (404, "api_key_not_found")
    ids = [row["id"] for row in (await other.ask_as_owner("GET", KEYS)).data["items"]]
    assert ids == [other.key_id]
    assert await works(world, merchant.secret)
