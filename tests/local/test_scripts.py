"""`make` and its scripts say what they can do, and what to do where they can't."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = {
    *("run", "demo", "api", "worker", "simulator", "postbox", "docs"),
    *("crash", "simulate", "chaos", "chaos-mutants", "figures"),
    *("test", "lint", "format", "bench", "lock", "clean", "distclean"),
    *("image", "sbom", "audit", "release"),
    *("deploy", "deploy-down", "deploy-test", "attack", "drill"),
}


def command(*words: str, path: str = "", **environment: str) -> tuple[int, str]:
    """Run a command of the project and return its exit status and all that it said."""
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "PYTHON")}
    values = {**clean, "PATH": f"{path}:{os.environ['PATH']}", **environment}
    ran = subprocess.run(  # noqa: S603  our own program
        words, cwd=ROOT, env=values, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return ran.returncode, ran.stdout


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def said_in_makefile() -> list[str]:
    return re.findall(r"^([\w-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)[1:]


@pytest.fixture
def clone(tmp_path):
    """Return a folder with what the environment script reads, and no environment."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "runtime.txt").write_text("")
    (tmp_path / "requirements" / "dev.txt").write_text("")
    return tmp_path


def test_make_alone_lists_every_command_with_a_sentence():
    status, said = command("make")
    assert status == 0
    assert re.findall(r"^  make ([\w-]+) +\S.*$", said, re.MULTILINE) == ["help", *said_in_makefile()]
    assert set(said_in_makefile()) == TARGETS


def test_no_command_names_an_address():
    files = [ROOT / "Makefile", ROOT / ".ci" / "run", *(ROOT / "scripts").iterdir()]
    # What the parts of a deployment call one another is no address of the world.
    assert not [file for file in files if re.search(r"://[\w-]+\.", file.read_text())]


def test_a_python_that_is_too_old_or_missing_is_named(clone, tmp_path):
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        program(tmp_path, name, "[ $1 = --version ] && echo Python 3.9.2 && exit 0; exit 1")
    script = str(clone / "scripts" / "environment.sh")
    status, said = command(script, "runtime", path=str(tmp_path))
    assert status == 1
    assert said.startswith("Python 3.11 or newer was not found (python3 is Python 3.9.2): install it, or name it with")
    status, said = command(script, "runtime", path=str(tmp_path), PYTHON="python3.11")
    assert status == 1
    assert said.startswith("PYTHON=python3.11 is not Python 3.11 or newer: choose another one")


def test_an_unchanged_lock_installs_nothing_and_dev_serves_for_runtime(clone):
    venv = clone / ".venv"
    (venv / "bin").mkdir(parents=True)
    program(venv / "bin", "python", 'echo "$@" >> ../calls; exit 0')
    script = str(clone / "scripts" / "environment.sh")
    assert command(script, "dev")[0] == 0
    assert "--require-hashes" in (clone.parent / "calls").read_text()
    (clone.parent / "calls").unlink()
    assert command(script, "dev") == (0, "")
    assert command(script, "runtime") == (0, "")
    assert not (clone.parent / "calls").exists()
    (clone / "requirements" / "dev.txt").write_text("# changed")
    assert "Installing" in command(script, "dev")[1]


def test_missing_system_packages_are_installed_by_root_and_asked_for_otherwise(tmp_path):
    policy = tmp_path / "policy"
    program(tmp_path, "dpkg-query", "exit 1")
    program(tmp_path, "apt-get", f'echo "$@" >> {tmp_path}/calls')
    program(tmp_path, "id", "echo 1000")
    status, said = command("scripts/packages.sh", "some-package", path=str(tmp_path))
    assert status == 1
    assert said == "Needed and missing: some-package; install them with: sudo apt-get install some-package\n"
    program(tmp_path, "id", "echo 0")
    assert command("scripts/packages.sh", "some-package", path=str(tmp_path), POLICY_FILE=str(policy))[0] == 0
    assert (tmp_path / "calls").read_text().split("\n")[0] == "update -qq"
    program(tmp_path, "dpkg-query", "echo 'install ok installed'")
    (tmp_path / "calls").unlink()
    assert command("scripts/packages.sh", "some-package", path=str(tmp_path)) == (0, "")
    assert not (tmp_path / "calls").exists()


def test_what_is_installed_does_not_begin_to_serve(tmp_path):
    policy = tmp_path / "policy"
    program(tmp_path, "dpkg-query", "exit 1")
    program(tmp_path, "id", "echo 0")
    program(
        tmp_path, "apt-get", f'[ "$1" = update ] || {{ {policy} || echo "$? from the policy"; }} > {tmp_path}/asked'
    )
    script = ("scripts/packages.sh", "some-package")
    assert command(*script, path=str(tmp_path), POLICY_FILE=str(policy))[0] == 0
    assert (tmp_path / "asked").read_text() == "101 from the policy\n"
    assert not policy.exists()
    program(tmp_path, "policy", "exit 104")
    assert command(*script, path=str(tmp_path), POLICY_FILE=str(policy))[0] == 0
    assert (tmp_path / "asked").read_text() == "104 from the policy\n"
    assert policy.exists()


def test_a_stage_that_fails_is_named_and_the_last(clone):
    binaries = clone / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name, status in (("ruff", 0), ("lint-imports", 1), ("mypy", 0), ("python", 0)):
        program(binaries, name, f'echo "{name} $@"; exit {status}')
    status, said = command(str(clone / "scripts" / "check.sh"), "all")
    assert status == 1
    assert 'Stopped: the stage "imports" failed. It ran: .venv/bin/lint-imports' in said
    assert "mypy" not in said
    program(binaries, "lint-imports", "exit 0")
    status, said = command(str(clone / "scripts" / "check.sh"), "all", TEST_PROCESSES="2", PYTEST_ARGS="-k money")
    assert status == 0
    assert said.splitlines()[-1] == "python -m pytest --numprocesses 2 -k money"


@pytest.mark.parametrize("is_covered", [True, False])
def test_a_whole_run_is_held_to_its_coverage_and_silent_about_it(clone, is_covered):
    binaries = clone / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("ruff", "lint-imports", "mypy", "python"):
        program(binaries, name, f'echo "{name} $@"')
    program(binaries, "coverage", f"echo app/kit/money.py 99%; exit {0 if is_covered else 2}")
    status, said = command(str(clone / "scripts" / "check.sh"), "all", TEST_PROCESSES="2")
    assert status == (0 if is_covered else 1)
    last = "python -m pytest --numprocesses 2 --cov" if is_covered else "Stopped: kit, gateways, payments, inbox"
    assert said.splitlines()[-1].startswith(last)
