"""The API keeps what its description promises: generated requests of every operation, and the description itself."""

import asyncio
import json
import re
import string

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.auth.access import ROUTES
from app.kit.errors import catalogue
from app.web.openapi import operations
from app.web.postman import postman_collection
from tests.api.callers import add_member, body_examples, make_key
from tests.api.conftest import quick_world
from tests.world import EVENTS

EXAMPLES = 24
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
async def contract(mongodb_url, database_name):
    """A product of its own: generated sign-ins use up the address's budget."""
    async with quick_world(mongodb_url, f"{database_name}-contract") as (world, app):
        document = json.loads(json.dumps(app.openapi()))
        yield world, document, schemathesis.openapi.from_dict(document)


@pytest.fixture
def document(contract):
    return contract[1]


async def own_ids(merchant):
    """Return an id of everything there is for an operation to work on."""
    payment = await merchant.create_payment(capture_method="manual")
    await merchant.pay(payment, method="card", outcome="success")
    async with asyncio.timeout(15):
        while not (events := (await merchant.ask("GET", "/api/v1/events")).data["items"]):
            await asyncio.sleep(0.02)
    await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/recheck")
    bought = await merchant.create_payment()
    await merchant.pay(bought, method="card", outcome="success", double=True)
    await merchant.ask("POST", f"/api/v1/payments/{bought['id']}/recheck")
    refund = await merchant.ask("POST", f"/api/v1/payments/{bought['id']}/refunds", {"amount": 100}, key="refund-1")
    held = (await merchant.ask("GET", "/api/v1/suspense")).data["items"]
    link = await merchant.ask("POST", "/api/v1/payment-links", {"amount": 50000})
    spare = await make_key(merchant, "test")
    await add_member(merchant, "viewer")
    users = (await merchant.ask_as_owner("GET", "/api/v1/users")).data["items"]
    return {
        "payment_id": payment["id"],
        "refund_id": refund.data["id"],
        "suspense_id": held[0]["id"],
        "link_id": link.data["id"],
        "customer_id": await merchant.world.add_customer(merchant, bought["id"]),
        **await merchant.world.add_webhook(merchant),
        "notice_id": await merchant.world.add_notice(merchant),
        "event_id": events[0]["id"],
        "dispute_id": await merchant.world.add_dispute(merchant),
        "settlement_id": await merchant.world.add_settlement(merchant),
        "item_id": await merchant.world.add_job(merchant),
        "entry_id": await merchant.world.add_entry(merchant),
        "key_id": spare["id"],
        "user_id": next(user["id"] for user in users if user["email"] != merchant.email),
        "session_id": "ses_01KAQ7X2V8M3TZB5C6D9EFGHJK",
        "merchant": merchant.id,
    }


def fuzz(operation, *, url, token, ids):
    """Send generated requests and check every answer against the description; return the statuses seen."""
    seen = set()
    good = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    # An operation that takes nothing can't be asked wrongly.
    can_err = bool(operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"))
    bad = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE) if can_err else good

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(good, bad), is_own=st.booleans())
    def run(case, is_own):
        if is_own:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = ids[name]
        response = case.call(base_url=url, headers={"Authorization": f"Bearer {token}"})
        checks = CHECKS if is_own else [*CHECKS, negative_data_rejection]
        case.validate_response(response, checks=checks)
        seen.add(response.status_code)
        if response.status_code >= 400:
            documented = operation.definition.raw["responses"][str(response.status_code)]
            examples = documented["content"]["application/json"]["examples"]
            assert response.json()["error"]["code"] in examples, response.text

    run()
    return seen


# The products that run meanwhile draw random numbers too, which looks as if the strategies did.
@pytest.mark.filterwarnings("ignore:Do not use the .random. module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("operation_id", sorted(ROUTES))
async def test_n3_whatever_is_sent_the_answer_is_as_described(contract, operation_id):
    world, _, schema = contract
    merchant = await world.merchant()
    ids = await own_ids(merchant)
    operation = schema.find_operation_by_id(operation_id)
    if operation_id == "customers_erasure_get":
        assert (await merchant.ask_as_owner("POST", f"/api/v1/customers/{ids['customer_id']}/erasure")).status == 202
    seen = await asyncio.to_thread(fuzz, operation, url=world.url, token=merchant.token, ids=ids)
    assert seen
    if operation.method == "get":
        assert 200 in seen


def test_the_description_is_openapi_3_1_with_stable_unique_ids(document):
    assert document["openapi"].startswith("3.1")
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(ROUTES)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", operation_id) for operation_id in ids)


def test_every_operation_says_what_it_is_under_a_tag_written_like_the_others(document):
    for _, _, operation in operations(document):
        (tag,) = operation["tags"]
        assert tag[0] in string.ascii_uppercase, operation["operationId"]
        assert operation["summary"]
        assert operation["description"]


def test_every_body_has_an_example_that_fits_its_schema(document):
    shown = list(body_examples(document))
    assert len(shown) > 12
    for operation_id, _, _, schema, example in shown:
        full = {**schema, "components": document["components"]}
        assert not list(Draft202012Validator(full).iter_errors(example)), operation_id


async def test_every_example_is_understood_by_the_api(contract):
    world, document, _ = contract
    merchant = await world.merchant()
    ids = await own_ids(merchant)
    for operation_id, method, path, _, example in body_examples(document):
        answer = await merchant.ask_as_owner(method, path.format_map(ids), example, headers={"Idempotency-Key": path})
        assert answer.status < 500, operation_id
        codes = {"invalid_credentials", "token_invalid", "wrong_password", "callback_invalid"}
        assert answer.status in {200, 201, 409} or answer.code in codes, (operation_id, answer.body)


def test_only_codes_that_fit_an_operation_are_described(document):
    found = {
        operation["operationId"]: {
            code
            for response in operation["responses"].values()
            for code in response["content"].get("application/json", {}).get("examples", ())
        }
        for _, _, operation in operations(document)
    }
    everything = {problem.code for problem in catalogue()}
    assert set().union(*found.values()) <= everything
    assert "payment_not_found" in found["payments_get"]
    assert "processor_not_configured" in found["payments_create"]
    assert "webhook_signature_invalid" in found["webhooks_razorpay_receive"]
    assert "unauthenticated" in found["get_metrics"] & found["get_db_status"]
    assert not {"malformed_json", "idempotency_key_in_use", "reference_taken"} & found["payments_list"]
    assert not {"payment_not_found", "event_not_found"} & found["users_update"]
    assert not any("idempotency_key_in_use" in found[name] for name in ("auth_signin", "api_keys_create"))


def test_the_processors_events_are_described_as_webhooks(document):
    assert set(document["webhooks"]) == set(EVENTS)
    for event, item in document["webhooks"].items():
        operation = item["post"]
        content = operation["requestBody"]["content"]["application/json"]
        assert content["example"]["event"] == event
        assert not list(Draft202012Validator(content["schema"]).iter_errors(content["example"]))
        assert {"X-Razorpay-Signature", "X-Razorpay-Event-Id"} == {one["name"] for one in operation["parameters"]}
        assert {"200", "401", "503"} <= set(operation["responses"])


def test_the_described_events_are_ones_that_the_inbox_reads(document, contract):
    world = contract[0]
    for event, item in document["webhooks"].items():
        example = item["post"]["requestBody"]["content"]["application/json"]["example"]
        read = world.wiring.inbox.reader.read(json.dumps(example).encode())
        assert read.type == event
        told = read.settlements if event.startswith("settlement.") else read.payments
        assert [one.id for one in told] == ["setl_AbCdEfGhIjKlMn" if told is read.settlements else "pay_AbCdEfGhIjKlMn"]


async def test_the_postman_collection_holds_every_operation_once_behind_variables(contract):
    world, document, _ = contract
    answer = await world.ask("GET", "/docs/postman.json")
    assert answer.json == postman_collection(document, base_url=world.url)
    collection = answer.json
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    variables = {one["key"]: one["value"] for one in collection["variable"]}
    assert variables["base_url"] == world.url
    assert "access_token" in variables
    assert collection["auth"]["bearer"][0]["value"] == "{{access_token}}"
    asked = [
        (item["request"]["method"].lower(), "/" + "/".join(item["request"]["url"]["path"]))
        for folder in collection["item"]
        for item in folder["item"]
    ]
    expected = [(method, re.sub(r"\{(\w+)\}", r":\1", path)) for path, method, _ in operations(document)]
    assert sorted(asked) == sorted(expected)
    for folder in collection["item"]:
        for item in folder["item"]:
            assert item["request"]["url"]["raw"].startswith("{{base_url}}/")
            if "body" in item["request"]:
                json.loads(item["request"]["body"]["raw"])


async def test_the_served_description_is_the_one_tested_and_names_this_service(contract):
    world, document, _ = contract
    answer = await world.ask("GET", "/openapi.json")
    assert answer.json == document
    assert document["servers"] == [{"url": world.settings.public_address}]
