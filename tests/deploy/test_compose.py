"""The Compose files: what is published, who reaches whom, and what each container may do."""

import re
import shutil
import subprocess

import pytest
import yaml

from app.config import Settings
from tests.house.sources import ROOT

DEPLOY = ROOT / "deploy"
OURS = {"api-1", "api-2", "worker", "backup"}
ROOT_WITHOUT_NETWORK = {"prepare-volumes", "logs"}
STARTS_ONCE = {"database-setup", "prepare-volumes", "restore"}


def compose(name: str = "compose.yaml"):
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


SERVICES = compose()["services"]


def networks_of(service) -> set[str]:
    return set(service.get("networks", ()))


def test_g15_the_database_is_never_published_and_refuses_zlib():
    members = [name for name in SERVICES if name.startswith("mongo-")]
    assert len(members) == 3
    for name in members:
        assert "ports" not in SERVICES[name]
        assert networks_of(SERVICES[name]) == {"data"}
    assert compose()["networks"]["data"] == {"internal": True}
    mongod = yaml.safe_load((DEPLOY / "mongo" / "mongod.conf").read_text(encoding="utf-8"))
    assert mongod["net"]["compression"]["compressors"] == "snappy,zstd"
    assert mongod["security"] == {"authorization": "enabled", "keyFile": "/data/key/mongo_key"}
    assert '--networkMessageCompressors, "snappy,zstd"' in (DEPLOY / "compose.dev.yaml").read_text(encoding="utf-8")
    # Nor does a client of ours offer any.
    assert "compressors" not in (ROOT / "app" / "database.py").read_text(encoding="utf-8")


def test_only_the_reverse_proxy_is_published_beyond_the_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    outside = {name for name, ports in published.items() if not all(port.startswith("127.0.0.1:") for port in ports)}
    assert outside == {"nginx"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert "privileged" not in service
    if name not in STARTS_ONCE:
        # What runs is started again when it ends.
        assert service["restart"] == "unless-stopped"
        assert service["mem_limit"]
        assert service["cpus"]
    # Root are the one that gives volumes to their owners, for a second, and the one that reads Docker's own files.
    user = str(service.get("user", "10001" if service["image"].startswith("payment-gateway:") else "missing"))
    assert (user == "0:0") == (name in ROOT_WITHOUT_NETWORK), user
    if name in ROOT_WITHOUT_NETWORK:
        assert service["network_mode"] == "none"
    assert user != "missing"


def test_no_image_is_without_a_version():
    for name, service in SERVICES.items():
        assert re.search(r":\$\{\w+:-[^}]+\}$|:[\w.-]+$", service["image"]), name
        assert "latest" not in service["image"]


def test_every_secret_is_a_file_that_the_first_start_makes_and_none_is_in_the_environment():
    script = (ROOT / "scripts" / "deploy.sh").read_text(encoding="utf-8")
    for name, secret in compose()["secrets"].items():
        file = secret["file"].removeprefix("./secrets/")
        made = f"secret {file} " in script or re.fullmatch(r"mongo_(admin|app|backup|monitor)_password", file)
        assert made, f"scripts/deploy.sh makes no {name}"
    secret_settings = {name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field)}
    for name in OURS:
        assert not secret_settings & set(SERVICES[name]["environment"])


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_it_sets_is_a_setting(name):
    known = {field.upper() for field in Settings.model_fields} | {"WORKER_READY_FILE", "BACKUPS_KEPT"}
    assert set(SERVICES[name]["environment"]) <= known
    mounted = {secret["target"] if isinstance(secret, dict) else secret for secret in SERVICES[name]["secrets"]}
    assert {target.upper() for target in mounted} <= known


def test_the_proxy_names_the_addresses_that_the_instances_have():
    upstream = (DEPLOY / "nginx" / "upstream.conf").read_text(encoding="utf-8")
    named = set(re.findall(r"server ([\d.]+):8000", upstream))
    given = {SERVICES[name]["networks"]["edge"]["ipv4_address"] for name in ("api-1", "api-2")}
    assert named == given
    proxy = SERVICES["nginx"]["networks"]["edge"]["ipv4_address"]
    assert SERVICES["api-1"]["environment"]["TRUSTED_PROXIES"] == proxy


@pytest.mark.parametrize("files", [("compose.yaml",), ("compose.dev.yaml",), ("compose.yaml", "test")])
def test_compose_itself_takes_the_files(files, tmp_path):
    tool = shutil.which("docker-compose")
    assert tool, "install docker-compose; make test does"
    copy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("secrets", "site", "production.env"))
    shutil.copy(copy / "production.env.example", copy / "production.env")
    shutil.copy(ROOT / "tests" / "deploy" / "compose.test.yaml", copy / "test")
    named = [part for file in files for part in ("-f", file)]
    command = [tool, "--env-file", "production.env", *named, "config", "--quiet"]
    judged = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)  # noqa: S603  our own
    assert judged.returncode == 0, judged.stderr
