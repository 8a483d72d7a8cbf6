"""The API describes itself: OpenAPI 3.1, Swagger UI and ReDoc without a foreign host, Postman."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.kit.errors import catalogue
from app.web.docs import docs_router
from app.web.errors import STATUS
from app.web.openapi import install_openapi, operations
from app.web.postman import postman_collection, sample

WEBHOOKS = {"payment.captured": {"post": {"summary": "A payment was captured."}}}


@pytest.fixture
def described(world: Any) -> Any:
    world.app.include_router(docs_router(is_interactive=True))
    install_openapi(
        world.app,
        is_public=lambda operation_id: operation_id.startswith("public_"),
        webhooks=WEBHOOKS,
        servers=["https://api.example.com"],
    )
    return world


@pytest.fixture
def document(described: Any) -> dict:
    return described.app.openapi()


@pytest.fixture
async def reader(described: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=described.app), base_url="http://testserver"
    ) as reader:
        yield reader


def references(node: object) -> set[str]:
    match node:
        case dict():
            found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return found.union(*(references(item) for item in node.values()))
        case list():
            return set().union(*(references(item) for item in node))
        case _:
            return set()


def test_the_document_is_complete_and_its_references_lead_somewhere(described: Any, document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["webhooks"] == WEBHOOKS
    assert document["servers"] == [{"url": "https://api.example.com"}]
    assert described.app.openapi() is document
    assert "ValidationError" not in json.dumps(document)
    for reference in references(document):
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_operation_ids_are_function_names_and_aliases_are_not_listed(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert sorted(ids) == sorted(set(ids))
    assert {"create_thing", "list_things", "public_thing"} <= set(ids)
    assert all(path.startswith("/api/v1/") for path, _, _ in operations(document))


def test_every_operation_tells_its_errors_and_its_credentials(document: dict[str, Any]) -> None:
    found = {operation["operationId"]: operation for _, _, operation in operations(document)}
    assert {"400", "401", "403", "409", "413", "415", "422", "429", "500", "503"} <= set(
        found["create_thing"]["responses"]
    )
    assert found["create_thing"]["security"] == [{"bearer": []}, {"basic": []}]
    assert "404" not in found["create_thing"]["responses"]
    assert found["create_thing"]["responses"]["409"]["description"] == "Own words."
    assert found["public_thing"]["security"] == []
    assert "404" in found["public_thing"]["responses"]
    assert not {"401", "403", "409", "413"} & set(found["public_thing"]["responses"])
    assert "X-Request-Id" in found["create_thing"]["responses"]["201"]["headers"]


def test_every_operation_tells_of_its_budget_and_of_too_much_to_do(document: dict[str, Any]) -> None:
    found = {operation["operationId"]: operation["responses"] for _, _, operation in operations(document)}
    for responses in found.values():
        assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(responses["429"]["headers"])
        assert "`too_many_requests`" in responses["429"]["description"]
        assert "Retry-After" in responses["503"]["headers"]
        assert "`overloaded`" in responses["503"]["description"]
        assert all("RateLimit" in responses[status]["headers"] for status in responses if status.startswith("2"))
    assert "`body_too_slow`" in found["create_thing"]["408"]["description"]
    assert "408" not in found["list_things"]


def test_the_idempotency_header_follows_the_route_s_policy(document: dict[str, Any]) -> None:
    found = {}
    for _, method, operation in operations(document):
        headers = [item for item in operation.get("parameters", []) if item["in"] == "header"]
        if method == "post":
            found[operation["operationId"]] = [header["required"] for header in headers]
        else:
            assert headers == []
    assert found["create_thing"] == found["create_own"] == [False]
    assert found["create_required"] == found["create_own_required"] == [True]
    assert found["public_secret"] == []


def test_examples_of_errors_come_from_the_catalogue(document: dict[str, Any]) -> None:
    assert set(document["components"]["examples"]) == {problem.code for problem in catalogue()}
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            for code in response.get("content", {}).get("application/json", {}).get("examples", {}):
                (problem,) = (problem for problem in catalogue() if problem.code == code)
                assert STATUS[problem.kind] == int(status)


def test_a_document_without_webhooks_or_a_path_s_own_error_stays_so(world: Any) -> None:
    install_openapi(world.app, is_public=lambda _: True)
    assert "webhooks" not in world.app.openapi()


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_pages_load_only_from_here_under_a_strict_policy(reader: httpx2.AsyncClient, path: str) -> None:
    page = await reader.get(path)
    assert page.status_code == 200
    assert not re.search(r"https?://", page.text)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "<script>" not in page.text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sources
    for source in sources:
        asset = await reader.get(f"/{source}")
        assert asset.status_code == 200
        assert len(asset.content) > 50
        assert "max-age" in asset.headers["cache-control"]
    assert (await reader.get("/openapi.json")).json()["openapi"].startswith("3.1")


@pytest.mark.parametrize("name", ["x.js", "..%2f__init__.py", "__init__.py", "%2e%2e"])
async def test_n12_only_the_named_files_are_served(reader: httpx2.AsyncClient, name: str) -> None:
    answer = await reader.get(f"/docs/assets/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_the_error_page_has_an_anchor_for_every_code(reader: httpx2.AsyncClient) -> None:
    page = await reader.get("/docs/errors")
    for problem in catalogue():
        assert f'id="{problem.code}"' in page.text
        assert str(STATUS[problem.kind]) in page.text


async def test_without_interactive_pages_the_error_page_stays(world: Any) -> None:
    world.app.include_router(docs_router(is_interactive=False))
    async with world.client() as client:
        assert (await client.get("/docs/errors")).status_code == 200
        assert (await client.get("/docs")).status_code == 404


async def test_the_postman_file_is_served(reader: httpx2.AsyncClient) -> None:
    answer = await reader.get("/docs/postman.json")
    assert "attachment" in answer.headers["content-disposition"]
    collection = answer.json()
    variables = {variable["key"]: variable["value"] for variable in collection["variable"]}
    assert variables["base_url"] == "http://testserver"
    assert {"access_token", "key_id", "key_secret"} <= set(variables)


def test_every_operation_is_in_the_collection_with_a_body_that_fits(document: dict[str, Any]) -> None:
    collection = postman_collection(document, base_url="http://x/")
    (folder,) = collection["item"]
    assert folder["name"] == "things"
    requests = {item["name"]: item["request"] for item in folder["item"]}
    assert len(requests) == len(list(operations(document)))
    created = requests["Create Thing"]
    assert created["url"]["raw"] == "{{base_url}}/api/v1/things"
    assert json.loads(created["body"]["raw"]) == {"amount": 1}
    assert {"key": "Idempotency-Key", "value": "{{$guid}}", "disabled": False} in created["header"]
    assert requests["Public Thing"]["url"]["path"][-1] == ":thing_id"
    assert requests["Public Thing"]["auth"] == {"type": "noauth"}
    assert requests["List Things"]["url"]["query"][0]["key"] == "limit"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "email"}, "user@example.com"),
        ({"type": "integer", "minimum": 100}, 100),
        ({"type": "number"}, 1),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({}, None),
        ({"enum": ["INR", "USD"]}, "INR"),
        ({"const": "x"}, "x"),
        ({"type": "integer", "default": 5}, 5),
        ({"examples": [{"a": 1}]}, {"a": 1}),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"type": "object", "properties": {"a": {"type": "string"}, "b": {"examples": ["e"]}}, "required": ["a"]},
         {"a": "text", "b": "e"}),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        ({"$ref": "#/components/schemas/Loop"}, None),
    ],
)  # fmt: skip
def test_a_sample_is_the_simplest_value_that_fits(schema: Any, value: Any) -> None:
    loop = {"anyOf": [{"$ref": "#/components/schemas/Loop"}]}
    assert sample({"components": {"schemas": {"Loop": loop}}}, schema) == value


def test_a_schema_without_a_bottom_ends() -> None:
    document = {"components": {"schemas": {"L": {"type": "array", "items": {"$ref": "#/components/schemas/L"}}}}}
    assert json.dumps(sample(document, {"$ref": "#/components/schemas/L"})).count("[") == 9


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"example": 1}, 1),
        ({"examples": {"first": {"value": 2}, "second": {"value": 3}}}, 2),
    ],
)
def test_a_room_s_own_example_wins(content: Any, body: bytes) -> None:
    operation = {
        "operationId": "x",
        "requestBody": {"content": {"application/json": content}},
        "parameters": [{"name": "X-Other", "in": "header"}],
    }
    document = {"info": {"title": "t", "version": "1", "summary": "s"}, "paths": {"/x": {"post": operation, "x-y": {}}}}
    (item,) = postman_collection(document, base_url="http://x")["item"][0]["item"]
    assert json.loads(item["request"]["body"]["raw"]) == body
    assert item["request"]["header"] == [{"key": "X-Other", "value": "", "disabled": True}]
    assert item["name"] == "x"
