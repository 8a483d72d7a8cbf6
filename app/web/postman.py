"""A Postman collection (format 2.1) drawn from the OpenAPI document: one folder per tag, bodies ready to send."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.web.openapi import operations

_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_DEPTH = 8
_FIXED = ("example", "const", "default")
_BY_TYPE: Mapping[str, Any] = {"number": 1, "boolean": True}
_BY_FORMAT = {
    "date-time": "2026-01-01T00:00:00.000Z",
    "email": "user@example.com",
    "password": "a-long-passphrase",
    "uri": "https://example.com",
}


def postman_collection(document: Mapping[str, Any], *, base_url: str) -> dict[str, Any]:
    """Return the collection; `base_url`, `access_token`, `key_id` and `key_secret` are its variables."""
    folders: dict[str, list[dict[str, Any]]] = {}
    for path, method, operation in operations(document):
        tag = str((operation.get("tags") or ["other"])[0])
        folders.setdefault(tag, []).append(_item(document, path, method, operation))
    info = document["info"]
    return {
        "info": {
            "name": info["title"],
            "description": info.get("summary") or info.get("description", ""),
            "version": info["version"],
            "schema": _SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [_variable("token", "{{access_token}}")]},
        "variable": [
            _variable("base_url", base_url.rstrip("/")),
            _variable("access_token", ""),
            _variable("key_id", ""),
            _variable("key_secret", ""),
        ],
        "item": [{"name": tag, "item": items} for tag, items in folders.items()],
    }


def sample(document: Mapping[str, Any], schema: Mapping[str, Any], *, depth: int = _DEPTH) -> Any:
    """Return a value that shows a schema: its example if it has one, else the simplest that fits its type."""
    schema = _resolved(document, schema)
    given = [*schema.get("examples", ()), *(schema[name] for name in _FIXED if schema.get(name) is not None)]
    if found := [*given, *schema.get("enum", ())]:
        return found[0]
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        return sample(document, choices[0], depth=depth - 1) if depth else None
    match schema.get("type"):
        case "object":
            return _sample_object(document, schema, depth)
        case "array":
            return [sample(document, schema.get("items", {}), depth=depth - 1)] if depth else []
        case kind:
            return _sample_scalar(str(kind), schema)


def _sample_scalar(kind: str, schema: Mapping[str, Any]) -> Any:
    match kind:
        case "string":
            return _BY_FORMAT.get(schema.get("format", ""), "text")
        case "integer":
            return max(1, schema.get("minimum", 1))
        case _:
            return _BY_TYPE.get(kind)


def _sample_object(document: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    found = {}
    for name, member in schema.get("properties", {}).items():
        has_example = bool(_resolved(document, member).get("examples"))
        if depth and (name in required or has_example):
            found[name] = sample(document, member, depth=depth - 1)
    return found


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while reference := schema.get("$ref"):
        target: Any = document
        for part in str(reference).removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def _item(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    parameters = operation.get("parameters", [])
    segments = [_PATH_PARAMETER.sub(r":\1", part) for part in path.strip("/").split("/")]
    url: dict[str, Any] = {
        "raw": "{{base_url}}/" + "/".join(segments),
        "host": ["{{base_url}}"],
        "path": segments,
        "variable": [_variable(found["name"], "") for found in parameters if found["in"] == "path"],
        "query": [_switched_off(found) for found in parameters if found["in"] == "query"],
    }
    request: dict[str, Any] = {
        "method": method.upper(),
        "description": operation.get("description", ""),
        "url": url,
        "header": _headers(parameters),
    }
    if operation.get("security") == []:
        request["auth"] = {"type": "noauth"}
    if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
        body = _body_example(document, content)
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(body, indent=2),
            "options": {"raw": {"language": "json"}},
        }
    return {"name": operation.get("summary") or operation["operationId"], "request": request, "response": []}


def _body_example(document: Mapping[str, Any], content: Mapping[str, Any]) -> Any:
    if "example" in content:
        return content["example"]
    for example in content.get("examples", {}).values():
        return example["value"]
    return sample(document, content.get("schema", {}))


def _headers(parameters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    headers = []
    for parameter in parameters:
        if parameter["in"] != "header":
            continue
        value = "{{$guid}}" if parameter["name"] == "Idempotency-Key" else ""
        headers.append({"key": parameter["name"], "value": value, "disabled": not value})
    return headers


def _switched_off(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": parameter["name"],
        "value": "",
        "description": parameter.get("description", ""),
        "disabled": not parameter.get("required", False),
    }


def _variable(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value, "type": "string"}
