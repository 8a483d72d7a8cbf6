"""One command starts everything, survives its own death and leaves nothing behind: real processes throughout."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.local.embedded import running_pid
from app.local.plan import RunPlan
from app.local.ports import free_port, is_free
from app.local.processes import find_marked
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

    @property
    def left(self) -> list[int]:
        """Return the processes of this run that are still there."""
        folder = Path(self.plan["data_dir"])
        mongod = running_pid(folder / "mongod")
        return find_marked(RunPlan(data_dir=folder).marker) + ([mongod] if mongod else [])


@pytest.fixture
def plan(tmp_path: Path) -> dict[str, Any]:
    port = free_port()
    return {
        "data_dir": str(tmp_path / "data"),
        "host": "127.0.0.1",
        "port": port,
        "simulator_port": free_port(other_than={port}),
        "restart_delay_seconds": 0.1,
        "api_command": standin("api"),
        "worker_command": standin("worker"),
        "simulator_command": standin("simulator"),
        "seed_command": standin("seed"),
    }


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
        for shown in ("/docs", "/redoc", f":{plan['simulator_port']} ", "demo@example.com", "key_demo", RUNNING):
            assert shown in run.said
        assert re.search(r"database +mongodb://127.0.0.1:\d+", run.said, re.IGNORECASE)
        assert len(run.left) == 4
        assert run.end(signal.SIGINT) == 0
    assert run.left == []
    assert "Traceback" not in run.said
    assert run.said.index("Stopping") < run.said.index("Stopped. The data is kept in")
    assert is_free(plan["port"])


def test_a_killed_supervisor_leaves_nothing_that_stops_the_next_start(plan):
    plan["api_command"] = standin("api", "--stubborn", "--with-child")
    with running(plan) as killed:
        killed.end(signal.SIGKILL)
    assert killed.left, "the stubborn API and its child are still there"
    started = time.monotonic()
    with running(plan) as run:
        assert "An earlier run was killed" in run.said
        assert time.monotonic() - started < 15
        run.plan["api_command"] = []
        assert run.end(signal.SIGINT, signal.SIGTERM) == 130
    assert run.left == []


def test_a_second_start_is_ready_within_five_seconds(plan):
    with running(plan):
        pass
    with running(plan) as run:
        seconds = float(re.search(r"ready in ([\d.]+) s", run.said)[1])
        assert seconds < 5


def test_a_second_supervisor_in_the_folder_is_refused_in_one_sentence(plan):
    with running(plan) as run:
        second = Run({**plan, "port": 0, "simulator_port": 0})
        second.start()
        assert second.end() == 1
        second.process.stdout.close()
        assert f"is already in use by process {run.process.pid}: stop that run first" in second.said
        assert len(second.said.splitlines()) == 1
        assert run.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(("name", "setting"), [("port", "PORT"), ("simulator_port", "SIMULATOR_PORT")])
def test_a_port_in_use_is_named_with_its_holder_and_the_setting(plan, name, setting):
    command = standin("simulator", "--port", plan[name])
    holder = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  our own program
    while is_free(plan[name]):
        time.sleep(0.02)
    run = Run(plan)
    run.start()
    assert run.end() == 1
    run.process.stdout.close()
    holder.kill()
    holder.wait()
    taken = plan[name]
    assert f"Port {taken} is already taken by python" in run.said
    assert (
        f"(process {holder.pid}): stop that program or take another port, for example {setting}={taken + 1}."
        in run.said
    )
    assert len(run.said.splitlines()) == 1


@pytest.mark.parametrize("role", ["api", "worker", "simulator"])
def test_a_child_that_does_not_start_ends_the_run_with_its_last_words(plan, role):
    plan[f"{role}_command"] = standin(role, "--fail")
    run = Run(plan)
    run.start()
    assert run.end() == 1
    run.process.stdout.close()
    name = "API" if role == "api" else role
    assert f"The {name} ended with status 1 before it was healthy; its log is" in run.said
    assert "    SECRET_KEY is empty" in run.said
    assert "Traceback" not in run.said
    assert run.left == []


def test_a_child_that_stays_silent_ends_the_run(plan):
    plan["worker_command"] = [sys.executable, "-c", "import time; time.sleep(600)"]
    plan["health_timeout_seconds"] = 4.0
    run = Run(plan)
    run.start()
    assert run.end() == 1
    run.process.stdout.close()
    assert "still waiting for the worker (3 s)" in run.said
    assert "The worker was not healthy within 4 s" in run.said
    assert run.left == []


def test_a_child_that_dies_later_is_started_again_and_its_warnings_are_shown(plan, tmp_path):
    plan["worker_command"] = standin("worker", "--die-once", tmp_path / "died")
    with running(plan) as run:
        run.read_until("The worker ended unexpectedly with status 3; starting it again in 0.1 s (1 of 3)")
        run.read_until("the worker is ready")
        run.read_until("worker warning: worker speaks pid=")
        assert run.end(signal.SIGTERM) == 0


def test_a_child_that_dies_again_and_again_ends_the_run(plan):
    plan["worker_command"] = standin("worker", "--die-after", 0.3)
    with running(plan) as run:
        assert run.end() == 1
    for number in (1, 2, 3):
        assert f"({number} of 3)" in run.said
    assert "The worker ended unexpectedly with status 3, once too often; its log is" in run.said
    assert run.left == []


def test_a_database_that_dies_is_started_again_on_its_port(plan):
    with running(plan) as run:
        folder = Path(plan["data_dir"]) / "mongod"
        port = (folder / "port").read_text()
        os.kill(running_pid(folder), signal.SIGKILL)
        run.read_until("The database ended unexpectedly")
        run.read_until("the database is ready")
        assert (folder / "port").read_text() == port
        assert run.end(signal.SIGTERM) == 0


def test_a_given_database_and_processor_are_used_instead(plan):
    plan["mongodb_url"] = "mongodb://user:hidden@db.example/?replicaSet=rs0"
    plan["razorpay_key_id"] = "rzp_test_theirs"
    plan["seed_command"] = []
    with running(plan) as run:
        assert "mongodb://db.example" in run.said
        assert "hidden" not in run.said
        assert "Razorpay, with your key" in run.said
        assert "Demo account" not in run.said
        assert len(run.left) == 2


def test_a_demo_account_that_fails_does_not_stop_the_run(plan):
    plan["seed_command"] = [sys.executable, "-c", "raise SystemExit('no room for a demo')"]
    with running(plan) as run:
        assert "The demo account could not be made" in run.said
        assert "no room for a demo" in run.said


def test_a_missing_mongod_is_said_before_anything_starts(plan, tmp_path):
    said: list[str] = []
    values = {**plan, "data_dir": tmp_path / "data", "mongod_path": str(tmp_path / "nowhere")}
    assert run(RunPlan(**values), say=said.append) == 1
    assert len(said) == 1
    assert said[0].startswith(f"The mongod at {tmp_path}/nowhere can't be used: there is no such file")


def test_a_folder_that_cannot_be_written_is_said(plan, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    said: list[str] = []
    assert run(RunPlan(**{**plan, "data_dir": blocked / "data"}), say=said.append) == 1
    assert "can't be written (Not a directory): change its owner or set DATA_DIR" in said[0]


def test_a_host_that_is_not_ours_is_said(plan, tmp_path):
    said: list[str] = []
    values = {**plan, "data_dir": tmp_path / "data", "host": "192.0.2.1"}
    assert run(RunPlan(**values), say=said.append) == 1
    assert said == ["HOST=192.0.2.1 is no address of this machine: set HOST to 127.0.0.1 or 0.0.0.0."]
