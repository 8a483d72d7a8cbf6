"""The forge's workflows: of the right form, with no more rights than they need, and nothing a laptop can't do too."""

import re
import subprocess
import sys

import pytest
import yaml

from tests.house.sources import ROOT

_FOLDER = ROOT / ".github" / "workflows"
_WORKFLOWS = ("ci.yml", "release.yml")
_EACH = pytest.mark.parametrize("name", _WORKFLOWS)


def workflow(name):
    return yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8"))


def steps(name):
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize(
    ("schema", "paths"),
    [("github-workflows", [_FOLDER / name for name in _WORKFLOWS]), ("dependabot", [ROOT / ".github/dependabot.yml"])],
)
def test_the_forge_understands_every_word(schema, paths):
    command = [sys.executable, "-m", "check_jsonschema", f"--builtin-schema=vendor.{schema}", *paths]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  a pinned tool
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_these_are_all_workflows_that_there_are():
    assert sorted(file.name for file in _FOLDER.iterdir()) == sorted(_WORKFLOWS)


@_EACH
def test_every_command_is_a_make_target_so_that_a_laptop_can_do_it_too(name):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for command in (step["run"] for step in steps(name) if "run" in step):
        # No expression either: what somebody writes into a title or a branch's name would be run.
        found = re.fullmatch(r"make ([\w-]+)( [A-Z]+=[\w.:/-]+)*", command)
        assert found, command
        assert found[1] in targets, command


@_EACH
def test_every_action_stands_by_its_version_and_is_kept_current(name):
    for action in (step["uses"] for step in steps(name) if "uses" in step):
        assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", action), action
    kept = {
        update["package-ecosystem"]
        for update in yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    }
    assert kept == {"pip", "docker", "github-actions"}


@_EACH
def test_nobody_has_more_rights_or_time_than_the_work_needs(name):
    flow = workflow(name)
    triggers = flow[True]  # YAML's `on` is a boolean
    assert "pull_request_target" not in triggers, "a stranger's change would run with our rights"
    assert flow["permissions"] == {"contents": "read"}
    assert flow["concurrency"]["group"]
    for title, job in flow["jobs"].items():
        assert job["timeout-minutes"] <= 120, title
        assert job.get("permissions", {}) == ({"contents": "write"} if title == "publish" else {}), title
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_only_a_tag_publishes_and_only_after_everything_else():
    assert workflow("release.yml")[True] == {"push": {"tags": ["v*"]}}
    jobs = workflow("release.yml")["jobs"]
    assert set(jobs["publish"]["needs"]) == {"make", "image"}
    assert jobs["image"]["needs"] == "make"
    titles = [step.get("name") for step in jobs["image"]["steps"]]
    assert titles.index("Scan the image") < titles.index("Push")
    text = (_FOLDER / "ci.yml").read_text(encoding="utf-8")
    assert not re.search(r"\bpush: true|secrets\.|login-action", text)


def test_a_change_is_tested_asked_about_listed_built_and_scanned():
    commands = {step.get("run", "").split(" IMAGE=")[0] for step in steps("ci.yml")}
    assert {"make test", "make audit", "make sbom", "make image"} <= commands
    for name in _WORKFLOWS:
        (scan,) = (step for step in steps(name) if "scan-action" in step.get("uses", ""))
        assert scan["with"]["fail-build"] is True


def test_a_release_leaves_nobody_unasked_about_known_faults():
    (step,) = (step for step in steps("release.yml") if step.get("run") == "make release")
    assert step["env"] == {"TAG": "${{ github.ref_name }}", "REQUIRE": "audit"}
