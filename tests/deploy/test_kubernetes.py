"""The manifests of Kubernetes: what a cluster understands, what its pods may do, what they are told, how they end."""

import copy
import os
import re
import subprocess
import sys
from base64 import b64decode
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from app import __version__, main
from app.cli import app as command_line
from app.config import Settings
from app.disputes.schemas import BODY_BYTES
from app.web.metrics import Metrics
from tests.deploy.kubernetes import (
    KUBERNETES,
    OVERLAYS,
    VERSIONS,
    complaints,
    containers,
    named,
    of_kind,
    pods,
    rendered,
    selects,
    settings_of,
)
from tests.deploy.rules import RULES, rules_page
from tests.house.pages import COMMAND
from tests.house.sources import ROOT

_EACH = pytest.mark.parametrize("overlay", OVERLAYS)
_SECRETS = "payment-gateway-secrets"
_OURS = "payment-gateway"
# What the Secret of production must hold; the page on Kubernetes says so too.
_EXPECTED = {
    "secret_key": "4f0c2a9e7b18d3655ea0c4f1927b6d830a5be2c4971fd6083b7c",
    "mongodb_url": "mongodb://a,b,c/?replicaSet=rs0",
    "razorpay_key_id": "rzp_live_abcdefgh",
    "razorpay_key_secret": "a-secret-of-the-processor",
    "metrics_token": "a-token-of-the-scraper",
}
_RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


def is_secret(name):
    """Tell whether a setting is one that nobody should read; the database's address may hold a password."""
    return name == "mongodb_url" or isinstance(Settings.model_fields[name].default, SecretStr)


@pytest.mark.parametrize("version", VERSIONS)
@_EACH
def test_a_cluster_understands_every_word(overlay, version):
    assert not [line for document in rendered(overlay) for line in complaints(document, version)]


@pytest.mark.parametrize(
    ("kind", "place", "value", "complaint"),
    [
        ("Deployment", ("spec", "strategi"), {}, "'strategi' was unexpected"),
        ("Deployment", ("spec", "minReadySeconds"), "5", "'5' is not of type"),
        ("HorizontalPodAutoscaler", ("spec", "maxReplicas"), None, "None is not of type"),
        ("ServiceMonitor", ("spec", "endpoint"), [], "'endpoint' was unexpected"),
        ("PrometheusRule", ("spec", "groups"), "none", "'none' is not of type"),
    ],
)
def test_a_planted_mistake_is_noticed(kind, place, value, complaint):
    document = copy.deepcopy(dict(of_kind("production", kind)[0]))
    document[place[0]][place[1]] = value
    (found,) = complaints(document, VERSIONS[-1])
    assert complaint in found


@_EACH
def test_names_are_unique_and_all_stand_in_the_one_namespace(overlay):
    names = [named(document) for document in rendered(overlay)]
    assert len(names) == len(set(names))
    spaces = {
        document["metadata"].get("namespace") for document in rendered(overlay) if document["kind"] != "Namespace"
    }
    assert spaces == {_OURS}


@_EACH
def test_the_namespace_admits_only_restricted_pods(overlay):
    (space,) = of_kind(overlay, "Namespace")
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    assert levels.items() <= space["metadata"]["labels"].items()


@_EACH
def test_every_pod_keeps_the_restricted_standard(overlay):
    for name, template in pods(overlay):
        spec = template["spec"]
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] >= 999, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        kinds = {kind for volume in spec.get("volumes", ()) for kind in volume if kind != "name"}
        assert kinds <= _RESTRICTED_VOLUMES, name
    for name, _, container in containers(overlay):
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert container["securityContext"] == wanted, name


@_EACH
def test_our_pods_run_as_the_image_s_user_and_get_no_token_of_the_cluster(overlay):
    (account,) = of_kind(overlay, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    for name, template in pods(overlay):
        spec = template["spec"]
        assert spec["serviceAccountName"] == account["metadata"]["name"], name
        assert spec["automountServiceAccountToken"] is False, name
        # Else a Service called `mongodb` would come as settings that nobody wrote.
        assert spec["enableServiceLinks"] is False, name
        if any(container["image"].split("/")[-1].startswith(f"{_OURS}:") for container in spec["containers"]):
            assert spec["securityContext"]["runAsUser"] == 10001, name


@_EACH
def test_every_container_asks_for_what_it_needs_and_is_held_to_a_limit(overlay):
    for name, _, container in containers(overlay):
        for bound in ("requests", "limits"):
            assert container["resources"][bound].keys() == {"cpu", "memory"}, name


@_EACH
def test_images_are_of_this_version_and_never_the_latest(overlay):
    for name, _, container in containers(overlay):
        image, _, tag = container["image"].rpartition(":")
        assert image, f"{name} names no version"
        assert re.match(r"\d", tag), name
        if image.split("/")[-1] == _OURS:
            assert tag == __version__, f"{name}: write {__version__} into the kustomization.yaml files"


@_EACH
def test_every_command_is_one_that_the_image_has(overlay):
    known = {command.name or command.callback.__name__ for command in command_line.registered_commands}
    started = set()
    for name, _, container in containers(overlay):
        match container["command"]:
            case ["python", "-m", "app.cli", word, *_]:
                started.add(word)
                assert word in known, name
            case ["python", "-m", "razorpay_simulator" | "postbox", *_] | ["mongod", *_]:
                pass
            case other:
                pytest.fail(f"{name}: {other}")
    assert started == {"api", "worker", "backup"}


@_EACH
def test_whatever_runs_long_is_asked_whether_it_lives(overlay):
    for name, spec, container in containers(overlay):
        if spec.get("restartPolicy") == "Never":
            continue
        assert {"startupProbe", "livenessProbe"} <= container.keys(), name
        # Nobody but the scraper sends requests to a worker, so nobody asks whether it is ready for them.
        served = {port["name"] for port in container.get("ports", ())} - {"metrics"}
        assert ("readinessProbe" in container) == bool(served), name
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container.get(probe, {})
            assert (asked.get("httpGet") or asked.get("tcpSocket") or {"port": None})["port"] in {*served, None}, name


def container_of(overlay, name):
    """Return the pod's spec and the container of that name."""
    return next((spec, container) for found, spec, container in containers(overlay) if found == name)


def test_the_api_is_restarted_only_when_it_does_not_answer_itself():
    _, api = container_of("production", "Deployment/api/api")
    assert api["startupProbe"]["httpGet"]["path"] == "/health/live"
    assert api["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert api["readinessProbe"]["httpGet"]["path"] == "/health/ready"


@pytest.mark.parametrize(("age_seconds", "lives"), [(0, True), (30, True), (90, False)])
def test_the_worker_s_probe_tells_a_loop_that_turns_from_one_that_hangs(tmp_path, age_seconds, lives):
    _, worker = container_of("production", "Deployment/worker/worker")
    (variable,) = (one for one in worker["env"] if one["name"] == "WORKER_READY_FILE")
    assert worker["startupProbe"]["exec"]["command"][-1] == variable["value"]
    program, flags, code = worker["livenessProbe"]["exec"]["command"]
    assert program == "python"
    assert variable["value"] in code
    sign = tmp_path / "sign"
    sign.touch()
    at = sign.stat().st_mtime - age_seconds
    os.utime(sign, (at, at))
    asked = [sys.executable, flags, code.replace(variable["value"], str(sign))]
    assert (subprocess.run(asked, check=False).returncode == 0) == lives  # noqa: S603  our own probe


@_EACH
def test_a_roll_out_takes_nobody_away_before_another_one_serves(overlay):
    for deployment in of_kind(overlay, "Deployment"):
        if deployment["metadata"]["name"] in {"api", "worker"}:
            assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


@_EACH
def test_an_api_drains_longer_than_others_need_to_notice_and_is_not_cut_off(overlay):
    settings = Settings(_env_file=None, drain_seconds=settings_of(overlay)["DRAIN_SECONDS"])
    spec, api = container_of(overlay, "Deployment/api/api")
    probe = api["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"] < settings.drain_seconds
    assert spec["terminationGracePeriodSeconds"] >= settings.drain_seconds + main._GRACE_SECONDS + 5
    assert "lifecycle" not in api


@_EACH
def test_every_setting_in_the_manifests_is_one_of_the_product(overlay):
    known = {name.upper() for name in Settings.model_fields}
    assert settings_of(overlay).keys() <= known
    for secret in of_kind(overlay, "Secret"):
        assert {name.upper() for name in secret["data"]} <= known
    for name, _, container in containers(overlay):
        if not container["image"].startswith("mongo:"):
            assert {variable["name"] for variable in container.get("env", ())} <= {*known, "WORKER_READY_FILE"}, name


@_EACH
def test_secrets_come_as_files_and_stand_in_no_environment(overlay):
    assert not [name for name in settings_of(overlay) if is_secret(name.lower())]
    for name, spec, container in containers(overlay):
        if not any(word in container["command"] for word in ("api", "worker", "backup")):
            continue
        (mount,) = (mount for mount in container["volumeMounts"] if mount["mountPath"] == "/run/secrets")
        volume = next(volume for volume in spec["volumes"] if volume["name"] == mount["name"])
        assert volume["secret"]["secretName"].startswith(_SECRETS), name
        assert volume["secret"]["defaultMode"] == 0o440, name
        assert mount["readOnly"] is True, name


def test_production_brings_no_secret_of_its_own():
    assert not of_kind("production", "Secret")
    text = yaml.safe_dump_all(rendered("production"))
    for field in Settings.model_fields.values():
        if isinstance(field.default, SecretStr) and (value := field.default.get_secret_value()):
            assert value not in text


def test_production_starts_with_what_its_page_says_the_secret_holds():
    given = {name.lower(): value for name, value in settings_of("production").items()}
    assert Settings(_env_file=None, **given, **_EXPECTED).is_production
    guide = (ROOT / "docs" / "guides" / "kubernetes.md").read_text(encoding="utf-8")
    overlay = (KUBERNETES / "overlays" / "production" / "kustomization.yaml").read_text(encoding="utf-8")
    for name in _EXPECTED:
        assert f"--from-literal={name}=" in guide or f"--from-file={name}=" in guide, name
        assert name in overlay, name


@pytest.mark.parametrize("missing", [name for name in _EXPECTED if name != "metrics_token"])
def test_production_refuses_to_start_when_one_of_them_is_missing(missing):
    given = {name.lower(): value for name, value in settings_of("production").items()}
    secrets = {name: value for name, value in _EXPECTED.items() if name != missing}
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **given, **secrets)


@pytest.fixture(scope="module")
def development():
    """The settings of a pod on a laptop, with what its secrets say."""
    given = {name.lower(): value for name, value in settings_of("development").items()}
    (secret,) = of_kind("development", "Secret")
    return Settings(
        _env_file=None, **given, **{name: b64decode(text).decode() for name, text in secret["data"].items()}
    )


def test_development_starts_with_its_example(development):
    assert development.uses_simulator


def test_what_development_sends_and_asks_goes_to_services_that_there_are(development):
    there = {
        (service["metadata"]["name"], port["port"])
        for service in of_kind("development", "Service")
        for port in service["spec"]["ports"]
    }
    addresses = [urlsplit(text) for text in (development.processor_url, development.sms_service.address)]
    mail = development.mail_server
    assert {(mail.host, mail.port), *((one.hostname, one.port) for one in addresses)} <= there


@_EACH
def test_what_a_pod_mounts_or_reads_is_there(overlay):
    there = {named(document) for document in rendered(overlay)}
    there |= {f"Secret/{_SECRETS}"} if overlay == "production" else set()
    for name, template in pods(overlay):
        spec = template["spec"]
        wanted = {f"ServiceAccount/{spec['serviceAccountName']}"}
        for volume in spec.get("volumes", ()):
            match volume:
                case {"secret": {"secretName": secret}}:
                    wanted.add(f"Secret/{secret}")
                case {"persistentVolumeClaim": {"claimName": claim}}:
                    wanted.add(f"PersistentVolumeClaim/{claim}")
        for container in spec["containers"]:
            wanted |= {f"ConfigMap/{source['configMapRef']['name']}" for source in container.get("envFrom", ())}
        assert wanted <= there, name


def test_the_scraper_asks_every_api_with_its_token():
    (monitor,) = of_kind("production", "ServiceMonitor")
    (service,) = (found for found in of_kind("production", "Service") if found["metadata"]["name"] == "api")
    assert selects(monitor["spec"]["selector"], service["metadata"]["labels"])
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["authorization"]["credentials"] == {"name": _SECRETS, "key": "metrics_token"}
    assert not of_kind("development", "ServiceMonitor")


def test_the_scraper_asks_every_worker_at_the_port_it_shows_its_metrics_on():
    (monitor,) = of_kind("production", "PodMonitor")
    (labels,) = (t["metadata"]["labels"] for name, t in pods("production") if name == "Deployment/worker")
    assert selects(monitor["spec"]["selector"], labels)
    assert labels[monitor["spec"]["jobLabel"]] == "worker"
    _, worker = container_of("production", "Deployment/worker/worker")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (port,) = worker["ports"]
    assert endpoint["port"] == port["name"]
    assert {"name": "WORKER_METRICS_PORT", "value": str(port["containerPort"])} in worker["env"]


def test_the_alarms_are_those_of_prometheus():
    assert rules_page() == (ROOT / RULES).read_text(encoding="utf-8"), COMMAND


def test_alarms_ask_for_metrics_that_there_are():
    (rules,) = of_kind("production", "PrometheusRule")
    known = {metric.name for metric in Metrics.create().registry.collect()} | {"up"}
    asked = {
        re.sub(r"_(total|bucket|count|sum)$", "", name)
        for group in rules["spec"]["groups"]
        for rule in group["rules"]
        for name in re.findall(r"([a-z_]+)\{", rule["expr"])
        if not name.startswith(("node_", "alertmanager_", "prometheus_"))
    }
    assert asked <= known
    assert asked


def test_the_ingress_lets_the_longest_body_through_and_knows_the_one_host():
    (ingress,) = of_kind("production", "Ingress")
    settings = Settings(_env_file=None)
    bound = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert int(bound.removesuffix("m")) * 1024**2 >= max(
        BODY_BYTES, settings.max_webhook_bytes, settings.max_body_bytes
    )
    assert "cert-manager.io/cluster-issuer" in ingress["metadata"]["annotations"]
    host = settings_of("production")["ALLOWED_HOSTS"]
    assert settings_of("production")["PUBLIC_URL"] == f"https://{host}"
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == [host]
    assert [tls["hosts"] for tls in ingress["spec"]["tls"]] == [[host]]
