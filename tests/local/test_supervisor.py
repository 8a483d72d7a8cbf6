"""One command starts everything, survives its own death and leaves nothing behind: real processes throughout."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from app.local.embedded import running_pid
from app.local.plan import RunPlan
from app.local.ports import free_port, is_free
from app.local.processes import end_strangers, find_marked
from app.local.supervisor import run

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNNING = "The Payment Gateway API is running"


def standin(role: str, *options: object) -> list[str]:
    return [sys.executable, str(HERE / "standin.py"), role, *map(str, options)]


@dataclass
class Run:
    """A supervisor in a process of its own, with what it said."""

    plan: dict[str, Any]
    process: subprocess.Popen[str] = field(init=False)
    said: str = ""

    def start(self) -> None:
        command = [sys.executable, str(HERE / "supervised.py"), json.dumps(self.plan)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(  # noqa: S603  our own program
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def read_until(self, words: str) -> None:
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return
        pytest.fail(f"the run ended without saying {words!r}:\n{self.said}")

    def end(self, *signals: int) -> int:
        for number in signals:
            self.process.send_signal(number)
        self.said += self.process.stdout.read()
        return self.process.wait(30)


def left_of(plan: dict[str, Any]) -> list[int]:
    """Return the processes of this run that are still there."""
    folder = Path(plan["data_dir"])
    mongod = running_pid(folder / "mongod")
    return find_marked(RunPlan(data_dir=folder).marker) + ([mongod] if mongod else [])


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def run_here(plan: dict[str, Any], *script: tuple[str, Callable[[], object] | None]) -> tuple[int, list[str]]:
    """Run the supervisor in this process; act as it says what the script waits for, in that order."""
    said: list[str] = []
    left = list(script)

    def hear(line: str) -> None:
        said.append(line)
        if left and left[0][0] in line:
            _, act = left.pop(0)
            if act is not None:
                act()

    values = {name: tuple(value) if isinstance(value, list) else value for name, value in plan.items()}
    status = run(RunPlan(**{**values, "data_dir": Path(plan["data_dir"])}), say=hear)
    assert not left, f"never heard {left[0][0]!r} in:\n" + "\n".join(said)
    return status, said


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[dict[str, Any]]:
    port = free_port()
    plan = {
        "data_dir": str(tmp_path / "data"),
        "host": "127.0.0.1",
        "port": port,
        "simulator_port": free_port(other_than={port}),
        "restart_delay_seconds": 0.1,
        "api_command": standin("api"),
        "worker_command": standin("worker"),
        "simulator_command": standin("simulator"),
        "has_postbox": False,
        "seed_command": standin("seed"),
    }
    yield plan
    end_strangers(left_of(plan), grace_seconds=0)


@contextmanager
def running(plan: dict[str, Any], until: str = "Stop with Ctrl-C") -> Iterator[Run]:
    run = Run(plan)
    run.start()
    try:
        run.read_until(until)
        yield run
    finally:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)
        run.process.stdout.close()


def test_all_is_started_shown_and_stopped_without_a_trace(plan):
    with running(plan) as run:
        for shown in (
            "/docs",
            "/redoc",
            "/dashboard",
            f":{plan['simulator_port']} ",
            "demo@example.com",
            "key_demo",
            RUNNING,
        ):
            assert shown in run.said
        assert re.search(r"database +mongodb://127.0.0.1:\d+", run.said, re.IGNORECASE)
        assert len(left_of(plan)) == 4
        assert run.end(signal.SIGINT) == 0
    assert left_of(plan) == []
    assert "Traceback" not in run.said
    assert run.said.index("Stopping") < run.said.index("Stopped. The data is kept in")
    assert is_free(plan["port"])


def test_a_killed_supervisor_leaves_nothing_that_stops_the_next_start(plan):
    plan["api_command"] = standin("api", "--stubborn", "--with-child")
    with running(plan) as killed:
        killed.end(signal.SIGKILL)
    assert left_of(plan), "the stubborn API and its child are still there"
    with running(plan) as run:
        assert "An earlier run was killed" in run.said
        run.plan["api_command"] = []
        assert run.end(signal.SIGINT, signal.SIGTERM) == 130
    assert left_of(plan) == []


def test_a_second_start_is_ready_and_says_in_how_many_seconds(plan):
    with running(plan):
        pass
    with running(plan) as run:
        # How many they are is the machine's affair: under five on a quiet one.
        assert re.search(r"ready in [\d.]+ s", run.said)


def test_a_second_supervisor_in_the_folder_is_refused_in_one_sentence(plan):
    with running(plan) as first:
        second = {**plan, "port": 0, "simulator_port": 0}
        sentence = f"{plan['data_dir']} is already in use by process {first.process.pid}: stop that run first, or set "
        assert run_here(second) == (1, [f"{sentence}DATA_DIR to another folder."])
        assert first.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(("name", "setting"), [("port", "PORT"), ("simulator_port", "SIMULATOR_PORT")])
def test_a_port_in_use_is_named_with_its_holder_and_the_setting(plan, name, setting):
    taken = plan[name]
    command = standin("simulator", "--port", taken)
    holder = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  our own program
    while is_free(taken):
        time.sleep(0.02)
    status, [said] = run_here(plan)
    assert status == 1
    assert said.startswith(f"Port {taken} is already taken by python")
    assert said.endswith(
        f" (process {holder.pid}): stop that program or take another port, for example {setting}={taken + 1}."
    )
    holder.kill()
    holder.wait()


@pytest.mark.parametrize("role", ["api", "worker", "simulator"])
def test_a_child_that_does_not_start_ends_the_run_with_its_last_words(plan, role):
    plan[f"{role}_command"] = standin(role, "--fail")
    status, said = run_here(plan)
    assert status == 1
    [problem] = [line for line in said if "before it was healthy" in line]
    name = "API" if role == "api" else role
    assert problem.startswith(f"The {name} ended with status 1 before it was healthy; its log is {plan['data_dir']}")
    assert problem.endswith("\n    SECRET_KEY is empty")
    assert left_of(plan) == []


def test_a_child_that_stays_silent_ends_the_run(plan):
    plan["worker_command"] = [sys.executable, "-c", "import time; time.sleep(600)"]
    plan["health_timeout_seconds"] = 10.0
    status, said = run_here(plan)
    assert status == 1
    assert any(re.fullmatch(r"  still waiting for the worker \(\d+ s\) \.\.\.", line) for line in said)
    assert any(line.startswith("The worker was not healthy within 10 s; its log is") for line in said)
    assert left_of(plan) == []


def test_an_interrupt_while_it_starts_stops_what_was_started(plan):
    plan["worker_command"] = [sys.executable, "-c", "import time; time.sleep(600)"]
    status, said = run_here(plan, ("the API is ready", interrupt))
    assert status == 0
    assert said[-1].startswith("Stopped.")
    assert left_of(plan) == []


def test_a_child_that_dies_later_is_started_again_and_its_warnings_are_shown(plan, tmp_path):
    plan["worker_command"] = standin("worker", "--die-once", tmp_path / "died")
    status, _ = run_here(
        plan,
        ("The worker ended unexpectedly with status 3; starting it again in 0.1 s (1 of 3)", None),
        ("the worker is ready", None),
        ("  worker warning: worker speaks pid=", interrupt),
    )
    assert status == 0


def test_a_child_that_dies_again_and_again_ends_the_run(plan):
    plan["worker_command"] = standin("worker", "--die-after", 0.3)
    status, said = run_here(plan)
    assert status == 1
    for number in (1, 2, 3):
        assert f"({number} of 3)" in "".join(said)
    assert any("The worker ended unexpectedly with status 3, once too often; its log is" in line for line in said)
    assert left_of(plan) == []


def test_a_child_that_does_not_want_to_stop_is_killed(plan):
    plan["worker_command"] = standin("worker", "--stubborn", "--with-child")
    plan["grace_seconds"] = 0.5
    status, said = run_here(plan, ("Stop with Ctrl-C", interrupt))
    assert status == 0
    assert "  the worker did not end within 0.5 s and was killed" in said
    assert left_of(plan) == []


def test_a_second_interrupt_does_not_wait(plan):
    plan["worker_command"] = standin("worker", "--stubborn")
    status, _ = run_here(plan, ("Stop with Ctrl-C", interrupt), ("Stopping", interrupt))
    assert status == 130
    assert left_of(plan) == []


def test_a_database_that_dies_is_started_again_on_its_port(plan):
    folder = Path(plan["data_dir"]) / "mongod"
    ports = []

    def kill_database() -> None:
        ports.append((folder / "port").read_text())
        os.kill(running_pid(folder), signal.SIGKILL)

    status, _ = run_here(
        plan,
        ("Stop with Ctrl-C", kill_database),
        ("The database ended unexpectedly", None),
        ("the database is ready", interrupt),
    )
    assert status == 0
    assert ports == [(folder / "port").read_text()]


@pytest.fixture
def url_with_password(mongodb_url):
    with MongoClient(mongodb_url) as client:
        client.admin.command("createUser", "theirs", pwd="hidden", roles=[])
        yield mongodb_url.replace("//", "//theirs:hidden@")
        client.admin.command("dropUser", "theirs")


def test_a_given_database_and_processor_are_used_instead(plan, mongodb_url, url_with_password):
    plan["mongodb_url"] = url_with_password
    plan["razorpay_key_id"] = "rzp_test_theirs"
    plan["seed_command"] = []
    plan["reload"] = True
    started: list[int] = []
    status, said = run_here(plan, ("Stop with Ctrl-C", lambda: (started.extend(left_of(plan)), interrupt())))
    assert status == 0
    assert len(started) == 2
    shown = "\n".join(said)
    assert mongodb_url.partition("/?")[0] in shown
    assert "Razorpay, with your key" in shown
    assert "hidden" not in shown
    assert "Demo account" not in shown


def test_a_given_database_that_does_not_answer_ends_the_run_before_anything_is_started(plan):
    plan["mongodb_url"] = "mongodb://theirs:hidden@127.0.0.1:1/?replicaSet=rs0"
    status, said = run_here(plan)
    assert status == 1
    assert said[0].startswith(
        "The database of MONGODB_URL (127.0.0.1:1) did not answer within 4 s: correct MONGODB_URL"
    )
    assert not any("Starting" in line or "hidden" in line for line in said)


def test_a_demo_account_that_fails_does_not_stop_the_run(plan):
    plan["seed_command"] = [sys.executable, "-c", "raise SystemExit('no room for a demo')"]
    status, said = run_here(plan, ("Stop with Ctrl-C", interrupt))
    assert status == 0
    [complaint] = [line for line in said if line.startswith("The demo account could not be made; all else runs.")]
    assert complaint.endswith("seed.log: no room for a demo")


def test_a_missing_mongod_is_said_before_anything_starts(plan, tmp_path):
    plan["mongod_path"] = str(tmp_path / "nowhere")
    status, [said] = run_here(plan)
    assert status == 1
    assert said.startswith(f"The mongod at {tmp_path}/nowhere can't be used: there is no such file")


def test_a_folder_that_cannot_be_written_is_said(plan, tmp_path):
    (tmp_path / "file").write_text("")
    plan["data_dir"] = str(tmp_path / "file" / "data")
    status, [said] = run_here(plan)
    assert status == 1
    assert "can't be written (Not a directory): change its owner or set DATA_DIR" in said


def test_a_host_that_is_not_ours_is_said(plan):
    plan["host"] = "192.0.2.1"
    assert run_here(plan) == (
        1,
        ["HOST=192.0.2.1 is no address of this machine: set HOST to 127.0.0.1 or 0.0.0.0."],
    )
