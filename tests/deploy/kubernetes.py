"""The manifests as kustomize renders them, the schemas that they are held to, and small questions about them."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.house.sources import ROOT

Document = Mapping[str, Any]

KUBERNETES = ROOT / "deploy" / "k8s"
OVERLAYS = ("development", "production")
VERSIONS = ("1.31", "1.37")
"""The oldest and the newest version of Kubernetes that the manifests are written for."""

_KUBECTL = Path(sys.executable).parent / "kubectl"  # out of a pinned wheel, so that everybody renders with the same one
_WORKLOADS = {"Deployment", "StatefulSet", "CronJob"}

_LABELS: Document = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA: Document = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}, "labels": _LABELS},
}


def _kind(api_version: str, kind: str, spec: Document) -> Document:
    return {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": api_version},
            "kind": {"const": kind},
            "metadata": _METADATA,
            "spec": spec,
        },
    }


def _object(**properties: Document) -> Document:
    """Return the schema of an object that has exactly these; those named with a trailing underscore may be missing."""
    return {
        "type": "object",
        "required": [name for name in properties if not name.endswith("_")],
        "additionalProperties": False,
        "properties": {name.removesuffix("_"): schema for name, schema in properties.items()},
    }


_TEXT: Document = {"type": "string", "minLength": 1}
_DURATION: Document = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}

_ENDPOINT = _object(
    port=_TEXT,
    path={"type": "string", "pattern": "^/"},
    interval=_DURATION,
    scrapeTimeout=_DURATION,
    authorization=_object(type={"const": "Bearer"}, credentials=_object(name=_TEXT, key=_TEXT)),
)
_ENDPOINTS: Document = {"type": "array", "minItems": 1, "items": _ENDPOINT}
_ALARM = _object(
    alert=_TEXT,
    expr=_TEXT,
    for_=_DURATION,
    keep_firing_for_=_DURATION,
    labels=_LABELS,
    annotations=_object(summary=_TEXT, description_=_TEXT, runbook_url_=_TEXT),
)
_RECORD = _object(record=_TEXT, expr=_TEXT, labels_=_LABELS)
_RULES: Document = {"type": "array", "minItems": 1, "items": {"anyOf": [_ALARM, _RECORD]}}

# What the Prometheus operator understands of what we say to it.
OPERATOR_SCHEMAS: Mapping[str, Document] = {
    kind: _kind("monitoring.coreos.com/v1", kind, spec)
    for kind, spec in (
        ("ServiceMonitor", _object(selector=_object(matchLabels=_LABELS), endpoints=_ENDPOINTS)),
        (
            "PodMonitor",
            _object(selector=_object(matchLabels=_LABELS), jobLabel=_TEXT, podMetricsEndpoints=_ENDPOINTS),
        ),
        (
            "PrometheusRule",
            _object(groups={"type": "array", "items": _object(name=_TEXT, interval_=_DURATION, rules=_RULES)}),
        ),
    )
}


@functools.cache
def rendered(overlay: str) -> tuple[Document, ...]:
    """Return the documents of an overlay, as `kubectl apply -k` would send them."""
    folder = KUBERNETES / "overlays" / overlay
    ran = subprocess.run(  # noqa: S603  our own program
        [_KUBECTL, "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "deprecated" not in ran.stderr.lower(), ran.stderr
    return tuple(yaml.safe_load_all(ran.stdout))


def named(document: Document) -> str:
    """Return what people call a document."""
    return f"{document['kind']}/{document['metadata']['name']}"


def of_kind(overlay: str, kind: str) -> tuple[Document, ...]:
    """Return the documents of one kind."""
    return tuple(document for document in rendered(overlay) if document["kind"] == kind)


@functools.cache
def _validator(version: str, kind: str, api_version: str) -> Draft202012Validator:
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    schema = json.loads((folder / f"{kind.lower()}-{group}.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, registry=_definitions(version))


@functools.cache
def _definitions(version: str) -> Registry[Any]:
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    definitions = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))
    return Resource.from_contents(definitions) @ Registry()


def complaints(document: Document, version: str) -> list[str]:
    """Return what a cluster of this version would not understand in a document, or not find in it."""
    kind = document["kind"]
    if schema := OPERATOR_SCHEMAS.get(kind):
        validator = Draft202012Validator(schema)
    else:
        validator = _validator(version, kind, document["apiVersion"])
    return [f"{named(document)}: {error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def pods(overlay: str) -> Iterator[tuple[str, Document]]:
    """Yield the name and the template of every pod that an overlay makes."""
    for document in rendered(overlay):
        if document["kind"] in _WORKLOADS:
            spec = document["spec"]
            yield named(document), (spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec)["template"]


def containers(overlay: str) -> Iterator[tuple[str, Document, Document]]:
    """Yield the name, the pod's spec and the container of every container that an overlay makes."""
    for name, template in pods(overlay):
        spec = template["spec"]
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            yield f"{name}/{container['name']}", spec, container


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector means a pod with these labels."""
    if any(labels.get(name) != value for name, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In", "only In is used here"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def settings_of(overlay: str) -> Mapping[str, str]:
    """Return the settings that every container of ours gets."""
    (found,) = of_kind(overlay, "ConfigMap")
    data: Mapping[str, str] = found["data"]
    return data
