"""What `deploy/` watches the service with, read: rules, their unit tests, dashboards, routes and the playbooks."""

import functools
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.house.sources import ROOT

DEPLOY = ROOT / "deploy"
PROMETHEUS, ALERTMANAGER = DEPLOY / "prometheus", DEPLOY / "alertmanager" / "alertmanager.yml"
GUIDE = ROOT / "docs" / "guides" / "incidents.md"

OF_THE_EXPORTER = frozenset({"node_filesystem_avail_bytes", "node_filesystem_size_bytes"})
"""What the optional exporter of a machine tells; nothing here runs one."""

ADDED_BY_PROMETHEUS = frozenset({"up", "ALERTS"})
OF_THE_WATCHERS = ("prometheus_", "alertmanager_")
LABELS_OF_A_SCRAPE = frozenset({"job", "instance", "le"})

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_NAMED = re.compile(r"(?<![\w:])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:])")
_SELECTED = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_WORDS = frozenset({"and", "or", "unless", "offset", "bool", "by", "on", "without", "ignoring"})
_TYPED = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
_HEADING = re.compile(r"^## (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and where it stands."""

    where: str
    text: str

    @property
    def _plain(self) -> str:
        return re.sub(r"\[[^\]]*\]", "", _TEXT.sub('""', self.text))

    @property
    def metrics(self) -> set[str]:
        """Return the names of the metrics that it reads."""
        bare = re.sub(r"\{[^}]*\}", "", _GROUPING.sub("", self._plain))
        return {name for name in _NAMED.findall(bare) if name not in _WORDS}

    @property
    def labels(self) -> set[str]:
        """Return the labels that it matches or groups by."""
        matched = {label for _, inside in _SELECTED.findall(self._plain) for label in _MATCHER.findall(inside)}
        grouped = {label.strip() for inside in _GROUPING.findall(self._plain) for label in inside.split(",")}
        return (matched | grouped) - {""}


def ran(*command: str) -> tuple[int, str]:
    """Run a program of the deployment and return its status and all that it said."""
    done = subprocess.run(  # noqa: S603  fixed programs of the distribution
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


@functools.cache
def rules() -> list[Mapping[str, Any]]:
    """Return every rule of every file."""
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    return [rule for file in files for group in _read(file)["groups"] for rule in group["rules"]]


def alerts() -> dict[str, Mapping[str, Any]]:
    """Return the alarms by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recorded() -> set[str]:
    """Return the names that rules record."""
    return {rule["record"] for rule in rules() if "record" in rule}


def unit_tests() -> Iterator[tuple[str, bool]]:
    """Yield for each unit test of a rule whose it is, and whether the alarm shall be on."""
    for file in sorted((PROMETHEUS / "tests").glob("*.yml")):
        for case in _read(file)["tests"]:
            for expected in case["alert_rule_test"]:
                yield expected["alertname"], bool(expected["exp_alerts"])


@functools.cache
def dashboards() -> list[dict[str, Any]]:
    """Return the dashboards as Grafana reads them."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(DEPLOY.glob("grafana/dashboards/*.json"))]


def queries() -> list[Query]:
    """Return every expression of rules and panels."""
    of_rules = [Query(str(rule.get("alert", rule.get("record"))), rule["expr"]) for rule in rules()]
    of_panels = [
        Query(f"{dashboard['title']}: {panel['title']}", target["expr"])
        for dashboard in dashboards()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]
    return of_rules + of_panels


def exposed(text: str) -> set[str]:
    """Return the names of all series that an exposition may hold, also of those that nobody has counted yet."""
    found: set[str] = set()
    for name, kind in _TYPED.findall(text):
        parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {name + part for part in parts}
    return found


def unknown_metrics(asked: Iterable[Query], known: set[str]) -> list[str]:
    """Return what expressions read and nobody tells."""
    told = known | recorded() | OF_THE_EXPORTER | ADDED_BY_PROMETHEUS
    return [
        f"{query.where}: {name}"
        for query in asked
        for name in sorted(query.metrics - told)
        if not name.startswith(OF_THE_WATCHERS)
    ]


def playbooks() -> list[str]:
    """Return the alarms that the guide has a section for, in its order."""
    return _HEADING.findall(GUIDE.read_text(encoding="utf-8"))


def playbook(name: str) -> str:
    """Return the text of one section."""
    return re.split(r"^## ", GUIDE.read_text(encoding="utf-8").partition(f"## {name}\n")[2], flags=re.MULTILINE)[0]


def alertmanager() -> dict[str, Any]:
    """Return Alertmanager's configuration."""
    return _read(ALERTMANAGER)


def _read(file: Any) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
