"""Every failure becomes one envelope with a permanent code, and tells nothing that it should not."""

import json
from datetime import datetime
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pymongo.errors import (
    AutoReconnect,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)
from starlette.exceptions import HTTPException

from app.kit.clock import MovableClock
from app.kit.errors import Kind, Problem, catalogue
from app.web.errors import (
    STATUS,
    Failures,
    InternalError,
    TooManyRequests,
    Unauthenticated,
    errors_markdown,
    install_errors,
    is_unknown_outcome,
    status_of,
)

THING = "/api/v1/things/1"


class Unlucky(Problem):
    """A problem with everything."""

    code = "unlucky"
    kind = Kind.RATE_LIMITED
    message = "Not today."


def labelled(label: str) -> OperationFailure:
    return OperationFailure("x", code=1, details={"errorLabels": [label]})


UNKNOWN = [
    AutoReconnect("x"),
    NetworkTimeout("x"),
    NotPrimaryError("x"),
    ServerSelectionTimeoutError("x"),
    WaitQueueTimeoutError("x"),
    ExecutionTimeout("x"),
    WTimeoutError("x"),
    labelled("UnknownTransactionCommitResult"),
    labelled("TransientTransactionError"),
    labelled("RetryableWriteError"),
    *(OperationFailure("x", code=code) for code in (50, 64, 91, 11600, 11602)),
]


def test_every_kind_has_a_status() -> None:
    assert set(STATUS) == set(Kind)


def test_every_code_is_unique_documented_and_spelt_alike() -> None:
    problems = list(catalogue())
    codes = [problem.code for problem in problems]
    assert len(codes) == len(set(codes))
    for problem in problems:
        assert problem.code.isascii()
        assert problem.code == problem.code.lower().replace("-", "_")
        assert problem.message.endswith(".")
        assert problem.__doc__


async def test_a_problem_shows_all_its_parts(client: httpx2.AsyncClient, world: Any) -> None:
    world.effects.fail_with = Unlucky("Later.", param="amount", details={"limit": 3}, retry_after_seconds=7)
    answer = await client.get(THING)
    body = answer.json()
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert datetime.fromisoformat(body.pop("timestamp")).tzinfo is not None
    assert body == {
        "status": "error",
        "error": {
            "code": "unlucky",
            "message": "Later.",
            "details": {"limit": 3},
            "param": "amount",
            "doc_url": "/docs/errors#unlucky",
            "request_id": answer.headers["x-request-id"],
        },
    }


@pytest.mark.parametrize("kind", list(Kind))
def test_headers_follow_the_kind(kind: Any) -> None:
    problem = type("Any", (Problem,), {"kind": kind, "message": "x."})()
    answer = Failures(MovableClock()).answer(problem, request_id="req_1")
    assert answer.status_code == STATUS[kind]
    assert ("www-authenticate" in answer.headers) == (kind is Kind.UNAUTHENTICATED)
    assert ("retry-after" in answer.headers) == (kind in {Kind.RATE_LIMITED, Kind.UNAVAILABLE})


@pytest.mark.parametrize("error", UNKNOWN, ids=lambda error: f"{type(error).__name__}")
async def test_d11_g9_a_database_that_does_not_confirm_is_503_unknown(
    client: httpx2.AsyncClient, world: Any, error: Any
) -> None:
    world.effects.fail_with = error
    answer = await client.get(THING)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "outcome_unknown"
    assert answer.json()["error"]["details"] == {"outcome": "unknown"}
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "error",
    [DuplicateKeyError("secret-value"), OperationFailure("secret-value", code=121), PyMongoError("secret-value")],
)
async def test_any_other_database_error_is_a_defect(client: httpx2.AsyncClient, world: Any, error: Any) -> None:
    assert not is_unknown_outcome(error)
    world.effects.fail_with = error
    answer = await client.get(THING)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret-value" not in answer.text


async def test_an_unexpected_error_is_500_with_its_id_only_and_logged_once(
    client: httpx2.AsyncClient, world: Any
) -> None:
    world.effects.fail_with = RuntimeError("password=hunter2 Bearer abcdefghijk 4111111111111111")
    answer = await client.get(THING)
    error = answer.json()["error"]
    assert answer.status_code == 500
    assert (error["code"], error["message"]) == ("internal_error", InternalError.message)
    assert "hunter2" not in answer.text
    logged = [line for line in world.lines if "exception" in line]
    assert len(logged) == 1
    assert logged[0]["request_id"] == error["request_id"] == answer.headers["x-request-id"]
    assert logged[0]["exception"]["frames"][-1].endswith(" public_thing")
    assert "abcdefghijk" not in world.log.getvalue()
    assert "4111111111111111" not in world.log.getvalue()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (401, "unauthenticated"),
        (404, "not_found"),
        (413, "body_too_large"),
        (418, "bad_request"),
        (500, "internal_error"),
        (503, "service_unavailable"),
    ],
)
async def test_starlette_s_own_errors_get_our_codes(
    client: httpx2.AsyncClient, world: Any, status: int, code: Any
) -> None:
    world.effects.fail_with = HTTPException(status, detail="their words", headers={"X-Their": "yes"})
    answer = await client.get(THING)
    assert answer.json()["error"]["code"] == code
    assert "their words" not in answer.text
    assert answer.headers["x-their"] == "yes"


async def test_an_unknown_path_is_404_and_a_wrong_method_405(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/api/v1/nothing")
    wrong = await client.put("/api/v1/things", content=b"{}")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "allow" in wrong.headers


@pytest.mark.parametrize("path", ["/api/v1/../secret", "/api/v1/things%2f..", "/API/V1/things", "/api/v1/things;x=1"])
async def test_n12_path_tricks_find_nothing(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b"{}")
    assert answer.status_code in {404, 405}


async def send(client: httpx2.AsyncClient, **values: object) -> dict:
    answer = await client.post("/api/v1/things", json=values)
    assert answer.status_code == 422
    return answer.json()["error"]


async def test_a_validation_error_names_places_and_rules_but_never_values(
    client: httpx2.AsyncClient, world: Any
) -> None:
    secret = "do-not-repeat-this"
    error = await send(client, amount=secret, name=[secret], email=f"{secret}@nowhere", metadata={"a": {"b": secret}})
    assert secret not in json.dumps(error)
    assert secret not in world.log.getvalue()
    assert error["param"] == "amount"
    assert [(item["param"], item["code"]) for item in error["details"]["errors"]] == [
        ("amount", "int_type"),
        ("name", "string_type"),
        ("email", "value_error"),
        ("metadata.a", "string_type"),
    ]


async def test_n8_an_unknown_field_s_name_is_shown_short_and_plain(client: httpx2.AsyncClient) -> None:
    error = await send(client, amount=1, **{"bad\r\n\x1b[31m₹name": 1, "x" * 500: 1})
    names = {item["param"] for item in error["details"]["errors"]}
    assert names == {"bad???[31m?name", "x" * 64 + "..."}


async def test_a_flood_of_errors_is_cut(client: httpx2.AsyncClient) -> None:
    error = await send(client, amount=1, **{f"field_{number}": 1 for number in range(500)})
    assert len(error["details"]["errors"]) == 20


async def test_a_missing_body_has_no_param(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/things")
    assert answer.json()["error"]["param"] is None


def test_a_sentence_that_repeats_the_value_is_replaced() -> None:
    from app.web.errors import validation_problem  # noqa: PLC0415  the only pure test of it

    problem = validation_problem(
        [
            {"loc": ("body", "a"), "type": "value_error", "msg": "Value error, abc is bad", "input": "abc"},
            {"loc": ("body", "b"), "type": "union_tag_invalid", "msg": "tag 'abc'", "input": {"t": "abc"}},
            {"loc": ("body", "c"), "type": "value_error", "msg": "Value error, must be odd", "input": "2"},
        ]
    )
    sentences = [item["message"] for item in problem.details["errors"]]  # type: ignore[attr-defined]
    assert sentences == ["The value is not acceptable.", "The value is not acceptable.", "must be odd"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unauthenticated(), 401),
        (TooManyRequests(), 429),
        (HTTPException(410), 410),
        (AutoReconnect("x"), 503),
        (DuplicateKeyError("x"), 500),
        (RuntimeError("x"), 500),
    ],
)
def test_the_status_of_an_error_is_known_before_it_is_answered(error: Any, status: int) -> None:
    assert status_of(error) == status


async def test_a_handler_given_a_stranger_answers_as_internal(world: Any) -> None:
    failures = install_errors(FastAPI(), clock=MovableClock())
    request = type("Any", (), {"scope": {"state": {}}})()
    for handler in (failures.on_problem, failures.on_http):
        assert (await handler(request, RuntimeError("x"))).status_code == 500
    assert (await failures.on_validation(request, RuntimeError("x"))).status_code == 422
    with pytest.raises(RuntimeError):
        await failures.on_database(request, RuntimeError("x"))


def test_the_reference_lists_every_code() -> None:
    text = errors_markdown()
    for problem in catalogue():
        assert f"\n## {problem.code}\n" in text
