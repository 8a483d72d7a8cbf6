"""Who asks, and what there is to ask: every kind of credential, and every route of the real application."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from app.auth import access
from app.database import Session
from app.kit.ids import Prefix
from app.kit.money import Money
from app.payments.models import ReviewReason, Suspense, SuspenseEntry
from app.web.openapi import operations
from app.web.route import Route
from tests.world import PASSWORD, Answer, Merchant, World, new_key

# Pages about the API: no operation of it, open to everybody, and not behind the guard.
PAGES = {"/openapi.json", "/docs", "/redoc", "/docs/errors", "/docs/postman.json", "/docs/assets/{name}"}
ROLES = ("owner", "admin", "developer", "viewer")
SCOPES = ("payments:read", "payments:write", "events:read", "events:replay", "merchant:read", "customers:read")

NONE_SUCH = {
    "payment_id": "pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "suspense_id": "sus_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "refund_id": "ref_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "dispute_id": "dsp_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "settlement_id": "stl_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "event_id": "evt_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "link_id": "lnk_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "notice_id": "ntc_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "customer_id": "cus_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "endpoint_id": "wep_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "delivery_id": "dlv_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "entry_id": "ent_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "item_id": "job_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "session_id": "ses_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "key_id": "key_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "user_id": "usr_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "merchant": "mer_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "record_id": "pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK",
    "version": "0123456789abcdef",
    "name": "none.css",
    "document_id": "doc_AAAAAAAAAAAAAA",
    "token": "lnk_01KAQ7X2V8M3TZB5C6D9EFGHJK.AAAAAAAAAAAAAAAAAAAAAA",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path."""

    id: str
    method: str
    path: str
    takes_body: bool
    is_page: bool = False

    @property
    def has_id(self) -> bool:
        return "{" in self.path

    def at(self, ids: Mapping[str, str]) -> str:
        """Return the path with ids in it."""
        return self.path.format_map(ids)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a name for the test's table, and the headers that say who they are."""

    name: str
    headers: Mapping[str, str]


def all_routes(app: FastAPI) -> Iterator[Any]:
    """Yield every route of the application with the path at which it stands."""
    yield from iter_route_contexts(app.routes)


def all_operations(app: FastAPI) -> list[Operation]:
    """Return every operation of the API, at its versioned and at its unversioned path."""
    return [found for found in _every_operation(app) if not found.is_page]


def page_operations(app: FastAPI) -> list[Operation]:
    """Return every operation that answers with a page, a file of one, or takes a page's form."""
    return [found for found in _every_operation(app) if found.is_page]


def _every_operation(app: FastAPI) -> list[Operation]:
    return [
        Operation(
            str(route.operation_id),
            method,
            str(context.path_format),
            takes_body=route.body_field is not None,
            is_page=route.operation_id in access.PAGES,
        )
        for context in all_routes(app)
        if context.path_format not in PAGES
        for route in [context.original_route]
        if isinstance(route, Route | APIRoute)
        for method in sorted(context.methods or ())
    ]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def add_member(merchant: Merchant, role: str) -> str:
    """Add a member to the team; return their e-mail."""
    email = f"{role}-{secrets.token_hex(6)}@example.com"
    body = {"email": email, "password": PASSWORD, "full_name": f"A {role}", "role": role}
    assert (await merchant.ask_as_owner("POST", "/api/v1/users", body)).status == 201
    return email


async def sign_in(world: World, email: str) -> str:
    """Return an access token."""
    answer = await world.ask("POST", "/api/v1/auth/signin", {"email": email, "password": PASSWORD})
    assert answer.status == 200, answer.body
    return str(answer.data["access_token"])


async def make_key(merchant: Merchant, mode: str, *scopes: str) -> Mapping[str, Any]:
    """Return a new API key with its secret."""
    body = {"name": "k", "mode": mode, **({"scopes": list(scopes)} if scopes else {})}
    answer = await merchant.ask_as_owner("POST", "/api/v1/api-keys", body)
    assert answer.status == 201, answer.body
    return answer.data


async def ask_as(world: World, caller: Caller, method: str, path: str, body: Any = None) -> Answer:
    """Ask with a caller's credentials and a key that nobody used before."""
    return await world.ask(method, path, body, headers=caller.headers, key=new_key())


def basic(key_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(key_id, secret)}


def _resolve(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while reference := node.get("$ref"):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    return node


def body_examples(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any], Any]]:
    """Yield every operation that takes a body: its id, method, path, schema, and an example of it."""
    for path, method, operation in operations(document):
        if not (content := operation.get("requestBody", {}).get("content", {}).get("application/json")):
            continue
        schema = content["schema"]
        for choice in (schema, *schema.get("anyOf", ())):
            if examples := _resolve(document, choice).get("examples"):
                yield operation["operationId"], method, path, schema, examples[0]
                break
        else:
            pytest.fail(f"{operation['operationId']} shows no example of its body")


async def hold(merchant: Merchant, payment: Mapping[str, Any]) -> str:
    """Put money of a payment into suspense and return its id."""
    wiring = merchant.world.wiring
    now = wiring.clock.now()
    held = Suspense("pay_Held0000000001", payment["id"], Money(100, "INR"), ReviewReason.SECOND_PAYMENT, now)
    entry = SuspenseEntry(id=wiring.ids.new(Prefix.SUSPENSE), scope=merchant.scope, held=held)

    async def work(session: Session) -> None:
        await wiring.suspense.store.insert_entry(merchant.scope, entry, session=session)

    await wiring.database.transaction(work)
    return entry.id
