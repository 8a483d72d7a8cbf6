"""`make run` as a newcomer meets it: the real API, worker, simulator and demo account, twice."""

import importlib.util
import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from app.local.plan import RunPlan
from app.local.supervisor import run

ROOT = Path(__file__).parents[2]
PLACES = ("API", "Swagger UI", "ReDoc", "Simulator", "Postbox")
HAS_DOORS = all(importlib.util.find_spec(name) for name in ("app.cli", "razorpay_simulator"))


@pytest.mark.skipif(
    not HAS_DOORS or not (ROOT / "razorpay_simulator" / "__main__.py").exists(),
    reason="the command line is not there yet",
)
def test_everything_starts_answers_and_stops_and_starts_again_with_what_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    accounts: list[str] = []
    plan = RunPlan(data_dir=tmp_path, host="127.0.0.1", port=0, simulator_port=0, postbox_port=0)
    for _ in range(2):
        said: list[str] = []
        answers: dict[str, int] = {}

        def hear(line: str, said: list[str] = said, answers: dict[str, int] = answers) -> None:
            said.append(line)
            if place := re.match(rf"  ({'|'.join(PLACES)})  +(http://\S+)", line):
                path = "/_sim/health" if place[1] == "Simulator" else "/health" if place[1] == "API" else ""
                with urllib.request.urlopen(place[2] + path, timeout=10) as answer:  # noqa: S310  our own address
                    answers[place[1]] = answer.status
            if "Stop with Ctrl-C" in line:
                os.kill(os.getpid(), signal.SIGINT)

        assert run(plan, say=hear) == 0, "\n".join(said)
        assert answers == dict.fromkeys(PLACES, 200)
        shown = "\n".join(said)
        assert re.search(r"Demo account\n(.*\n)*.*E-mail +\S+@\S+", shown), shown
        assert re.search(r"ready in [\d.]+ s", shown)
        accounts.append(re.search(r"Key id +(\S+)", shown)[1])
    assert accounts[0] == accounts[1]
