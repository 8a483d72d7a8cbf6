"""The runner's small parts: log files, ports, plan, table."""

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from app.local import tether
from app.local.logfiles import MOST_BYTES, Follower, rotate, tail
from app.local.plan import RunPlan
from app.local.ports import find_listener, free_port, is_free, require_free
from app.local.problems import PortTaken
from app.local.processes import command_line, end_strangers, find_marked
from app.local.seeding import seed
from app.local.services import says_ready
from app.local.summary import table

NO_PROCESS = 2**22 + 1  # beyond Linux's largest process id


def line(level: str, event: str, **details: object) -> str:
    return (
        json.dumps({"level": level, "event": event, "timestamp": "2026-01-01T00:00:00Z", "logger": "app", **details})
        + "\n"
    )


def test_a_log_beyond_the_cap_is_moved_aside_and_a_small_one_stays(tmp_path):
    log = tmp_path / "api.log"
    rotate(log)
    log.write_text("small")
    rotate(log)
    assert log.read_text() == "small"
    log.write_bytes(b"x" * (MOST_BYTES + 1))
    rotate(log)
    assert not log.exists()
    assert (tmp_path / "api.log.1").stat().st_size == MOST_BYTES + 1


def test_the_end_of_a_log_is_its_last_lines_with_words_since_the_start(tmp_path):
    log = tmp_path / "api.log"
    assert tail(log) == []
    log.write_text("before\n")
    start = log.stat().st_size
    with log.open("a") as file:
        file.writelines(f"{number}\n\n" for number in range(20))
        file.write("x" * 1000)
    assert tail(log, lines=2, since=start) == ["19", "x" * 397 + "..."]
    assert "before" not in tail(log, lines=100, since=start)


def test_only_new_warnings_are_shown_whole_and_once(tmp_path):
    log = tmp_path / "api.log"
    log.write_text(line("warning", "old"))
    follower = Follower(log)
    assert follower.new_warnings() == []
    with log.open("a") as file:
        file.write(line("info", 'said "warning" aloud') + 'no "error" of ours\n["error"]\n')
        file.write(line("warning", "slow", seconds=3) + line("error", "gone")[:10])
    assert follower.new_warnings() == ["warning: slow seconds=3"]
    with log.open("a") as file:
        file.write(line("error", "gone")[10:])
    assert follower.new_warnings() == ["error: gone"]
    assert follower.new_warnings() == []


def test_a_flood_of_warnings_is_counted(tmp_path):
    log = tmp_path / "api.log"
    follower = Follower(log)
    log.write_text(line("error", "again") * 12)
    shown = follower.new_warnings()
    assert shown == ["error: again"] * 5 + [f"... and 7 more in {log}"]


def test_a_log_that_was_emptied_is_read_from_its_beginning(tmp_path):
    log = tmp_path / "api.log"
    log.write_text(line("info", "long " * 100))
    follower = Follower(log)
    log.write_text(line("critical", "new"))
    assert follower.new_warnings() == ["critical: new"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_listener_is_found_by_its_port(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        assert not is_free(port, host)
        assert "(process " in find_listener(port)
        with pytest.raises(PortTaken, match=f"Port {port} is already taken by python"):
            require_free(port, host=host, setting="PORT")
    require_free(port, host=host, setting="PORT")
    assert find_listener(port) == ""


def test_the_highest_port_has_a_neighbour_too():
    assert "for example PORT=65534." in str(PortTaken(65535, setting="PORT", listener=""))


def test_a_process_that_is_not_there_has_no_command_and_is_not_waited_for():
    assert command_line(NO_PROCESS) == ""
    end_strangers([NO_PROCESS], grace_seconds=5)
    assert find_marked("NO_SUCH_MARKER=1") == []


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("pay.internal", "http://pay.internal:8000"),
    ],
)
def test_the_api_is_shown_where_a_browser_reaches_it(host, url):
    assert RunPlan(host=host).api_url == url


def test_free_ports_are_chosen_for_zero_and_differ():
    plan = RunPlan(port=0, simulator_port=0).resolved()
    assert plan.port != plan.simulator_port
    assert 0 not in (plan.port, plan.simulator_port, plan.postbox_port, plan.mail_port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert RunPlan(postbox_port=taken).resolved().postbox_port != taken
    assert plan.data_dir.is_absolute()
    assert free_port(other_than={plan.port}) != plan.port


def test_no_port_is_given_out_twice_while_its_server_may_still_start():
    # By chance alone two of so many would be the same.
    ports = [free_port() for _ in range(400)]
    assert len(set(ports)) == len(ports)


def test_children_learn_where_everything_is_and_a_real_key_keeps_the_processors_address():
    simulated = RunPlan(port=1, simulator_port=2).environment({"HOME": "/home"}, mongod_port=3)
    assert simulated["HOME"] == "/home"
    assert simulated["MONGODB_URL"] == "mongodb://127.0.0.1:3/?replicaSet=rs0"
    assert simulated["RAZORPAY_BASE_URL"] == "http://127.0.0.1:2"
    assert simulated["MAIL_URL"].startswith("smtp+plain://127.0.0.1:")
    assert "MAIL_URL" not in RunPlan(has_postbox=False).environment({}, mongod_port=3)
    real = RunPlan(razorpay_key_id="rzp_test_theirs", mongodb_url="mongodb://db").environment({}, mongod_port=0)
    assert "RAZORPAY_BASE_URL" not in real
    assert real["MONGODB_URL"] == "mongodb://db"


def test_the_table_shows_the_account_without_what_is_no_plain_value():
    account = {"email": "demo@example.com", "webhook_path": "/x", "roles": ["owner"], "empty": ""}
    lines = table(RunPlan(), database_url="mongodb://127.0.0.1:1", seconds=2.34, account=account)
    shown = "\n".join(lines)
    assert "ready in 2.3 s" in shown
    assert "E-mail        demo@example.com" in shown
    assert "Webhook path" in shown
    assert "owner" not in shown
    assert "Empty" not in shown


def test_a_worker_is_ready_when_its_file_says_so(tmp_path: Path):
    file = tmp_path / "worker.ready"
    check = says_ready(file)
    assert not check()
    file.write_text("starting\n")
    assert not check()
    file.write_text("ready\n")
    assert check()


def test_a_tethered_command_does_not_start_for_a_parent_that_is_gone():
    with pytest.raises(SystemExit):
        tether.main([str(NO_PROCESS), "0", "true"])


def test_a_tethered_command_that_does_not_exist_is_an_error_not_silence():
    with pytest.raises(FileNotFoundError):
        tether.main([str(os.getppid()), "0", "/no/such/program"])


@pytest.mark.parametrize(
    ("script", "account"),
    [
        ("print('hello'); print('{\"email\": \"a@b.example\"}'); print('bye')", {"email": "a@b.example"}),
        ("print('[1]')", None),
        ("print('{}'); raise SystemExit(2)", None),
    ],
)
async def test_the_account_is_the_last_object_that_a_successful_command_prints(tmp_path, script, account):
    command = (sys.executable, "-S", "-c", script)
    assert await seed(command, environment={}, log=tmp_path / "seed.log") == account


async def test_a_demo_account_that_takes_for_ever_is_given_up(tmp_path):
    command = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
    assert await seed(command, environment={}, log=tmp_path / "seed.log", timeout_seconds=0.3) is None
