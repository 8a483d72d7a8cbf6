"""The team: who may add, change and disable whom, in which mode users work, and what every role may call."""

import asyncio
import itertools
import secrets

import pytest
from fastapi import APIRouter, FastAPI

from app.auth.access import ROUTES, Access, check_routes, is_public
from app.auth.models import ROLE_PERMISSIONS, Permission, Role

USERS = "/api/v1/users"
PASSWORD = "correct horse battery"


def member(role="viewer", **fields):
    email = f"m-{secrets.token_hex(6)}@example.com"
    return {"email": email, "password": PASSWORD, "full_name": "M", "role": role, **fields}


async def test_an_owner_builds_a_team_and_the_audit_log_says_so(merchant, other, clock):
    ids = []
    for role in Role:
        clock.advance(seconds=1)  # ids of one moment have no order
        answer = await merchant.ask_as_owner("POST", USERS, member(role.value))
        assert (answer.status, answer.data["role"], answer.data["merchant_id"]) == (201, role.value, merchant.id)
        ids.append(answer.data["id"])
    clock.advance(seconds=1)
    changed = await merchant.ask_as_owner("PATCH", f"{USERS}/{ids[3]}", {"role": "developer"})
    assert changed.data["role"] == "developer"
    page = (await merchant.ask_as_owner("GET", f"{USERS}?limit=4")).data
    assert [row["id"] for row in page["items"]] == ids[::-1]
    assert page["has_more"]
    newest = (await merchant.ask_as_owner("GET", "/api/v1/audit-log?limit=1")).data["items"][0]
    assert (newest["action"], newest["target"]) == ("user.updated", ids[3])
    assert (newest["before"], newest["after"]) == (
        {"role": "viewer", "status": "active"},
        {"role": "developer", "status": "active"},
    )
    assert len((await other.ask_as_owner("GET", USERS)).data["items"]) == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("password", "short", "password_refused"),
        ("password", "é" * 37, "password_refused"),
        ("email", None, "email_taken"),
    ],
)
async def test_a_member_needs_a_good_password_and_a_free_e_mail(merchant, other, field, value, code):
    answer = await merchant.ask_as_owner("POST", USERS, member(**{field: value or other.email}))
    assert answer.code == code


async def test_s14_an_admin_touches_no_owner_and_others_touch_nobody(world, merchant, hire):
    people = {role: await hire(merchant, role.value) for role in (Role.ADMIN, Role.DEVELOPER, Role.VIEWER)}
    owner = (await merchant.ask_as_owner("GET", "/api/v1/auth/profile")).data["id"]
    viewer = people[Role.VIEWER]["user"]["id"]
    admin = people[Role.ADMIN]["access_token"]
    for method, path, body in (
        ("POST", USERS, member("owner")),
        ("PATCH", f"{USERS}/{viewer}", {"role": "owner"}),
        ("PATCH", f"{USERS}/{owner}", {"role": "viewer"}),
        ("PATCH", f"{USERS}/{owner}", {"status": "disabled"}),
    ):
        answer = await world.ask(method, path, body, bearer=admin)
        assert (answer.status, answer.code) == (403, "owners_only")
    assert (await world.ask("PATCH", f"{USERS}/{viewer}", {"role": "developer"}, bearer=admin)).status == 200
    for role in (Role.DEVELOPER, Role.VIEWER):
        token = people[role]["access_token"]
        for method, path, body in (("POST", USERS, member()), ("PATCH", f"{USERS}/{viewer}", {"role": "admin"})):
            assert (await world.ask(method, path, body, bearer=token)).code == "permission_denied"


async def test_s14_the_last_owner_stays_even_when_two_remove_each_other(world, merchant, hire):
    me = (await merchant.ask_as_owner("GET", "/api/v1/auth/profile")).data["id"]
    for change in ({"status": "disabled"}, {"role": "viewer"}):
        answer = await merchant.ask_as_owner("PATCH", f"{USERS}/{me}", change)
        assert (answer.status, answer.code) == (409, "last_owner")
    second = await hire(merchant, "owner")
    ends = await asyncio.gather(
        merchant.ask_as_owner("PATCH", f"{USERS}/{second['user']['id']}", {"role": "viewer"}),
        world.ask("PATCH", f"{USERS}/{me}", {"role": "viewer"}, bearer=second["access_token"]),
    )
    assert 200 in {end.status for end in ends}
    users = world.wiring.database.collection("users")
    assert await users.count_documents({"tenant": merchant.id, "role": "owner", "status": "active"}) == 1


async def test_s13_another_merchants_member_is_not_there(world, merchant, other):
    owner = (await merchant.ask_as_owner("GET", "/api/v1/auth/profile")).data["id"]
    for user_id in (owner, "usr_nobody", "x"):
        answer = await other.ask_as_owner("PATCH", f"{USERS}/{user_id}", {"role": "viewer"})
        assert (answer.status, answer.code) == (404, "user_not_found")


async def test_a_user_picks_the_mode_and_a_key_does_not(world, merchant):
    await merchant.create_payment()
    path = "/api/v1/payments"
    for mode, count in (("test", 1), ("live", 0)):
        answer = await merchant.ask_as_owner("GET", path, headers={"X-Mode": mode})
        assert len(answer.data["items"]) == count
        answer = await merchant.ask("GET", path, headers={"X-Mode": mode})
        assert len(answer.data["items"]) == 1
    assert (await merchant.ask_as_owner("GET", path, headers={"X-Mode": "both"})).code == "token_invalid"


def test_s14_roles_only_gain_from_viewer_to_owner():
    ladder = [ROLE_PERMISSIONS[role] for role in (Role.VIEWER, Role.DEVELOPER, Role.ADMIN, Role.OWNER)]
    assert all(lower <= higher for lower, higher in itertools.pairwise(ladder))
    assert ladder[-1] == set(Permission)
    assert not any(permission.endswith((":write", ":replay")) for permission in ladder[0])


def test_s14_an_operation_outside_the_table_stops_the_start():
    router = APIRouter()
    router.add_api_route("/known", lambda: None, operation_id="payments_list")
    router.add_api_route("/unknown", lambda: None, operation_id="payments_give_away")
    router.add_api_route("/page", lambda: None, operation_id="dashboard_give_away", include_in_schema=False)
    router.add_api_route("/file", lambda: None, include_in_schema=False)
    app = FastAPI()
    app.include_router(router)
    with pytest.raises(RuntimeError, match=r"for: dashboard_give_away, payments_give_away$"):
        check_routes(app)
    assert {name for name in ROUTES if is_public(name)} == {
        name for name, need in ROUTES.items() if need in {Access.PUBLIC, Access.OPTIONAL}
    }
    assert not is_public("payments_give_away")
