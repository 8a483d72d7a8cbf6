"""The embedded database starts, survives and explains itself: on a real mongod."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymongo import MongoClient

from app.local.embedded import EmbeddedMongod, become_primary, find_running, running_pid
from app.local.mongod import find_mongod
from app.local.ports import free_port
from app.local.problems import MongodFailed, MongodNotFound, MongodUnusable
from app.local.processes import command_line

ROOT = Path(__file__).parents[2]


def program(folder: Path, text: str) -> Path:
    path = folder / "mongod"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def python(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)  # noqa: S603  our own program


def insert(url: str, number: int) -> int:
    """Write in a transaction, as only a replica set can, and count what is there."""
    with MongoClient(url) as client:
        facts = client["kept"]["facts"]
        with client.start_session() as session, session.start_transaction():
            facts.insert_one({"_id": number}, session=session)
        return facts.count_documents({})


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while command_line(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not command_line(pid)


def test_data_survives_a_stop_and_a_move_to_another_port(tmp_path):
    with EmbeddedMongod.in_folder(tmp_path) as first:
        assert insert(first.url, 1) == 1
        assert find_running(tmp_path) == first.url
    assert first.exit_status == 0
    assert find_running(tmp_path) is None
    with EmbeddedMongod.in_folder(tmp_path) as second:
        assert second.port == first.port
        assert insert(second.url, 2) == 2
    with EmbeddedMongod.in_folder(tmp_path, port=free_port()) as third:
        assert third.port != first.port
        assert insert(third.url, 3) == 3


def test_a_kill_leaves_nothing_that_stops_the_next_start_and_loses_nothing_acknowledged(tmp_path):
    first = EmbeddedMongod.in_folder(tmp_path)
    with first:
        insert(first.url, 1)
        first.kill()
        wait_until_gone(int((first.folder / "mongod.lock").read_text()))
        assert (first.folder / "mongod.lock").read_text().strip()
    with EmbeddedMongod.in_folder(tmp_path) as second:
        assert insert(second.url, 2) == 2


def test_a_mongod_that_still_runs_on_the_folder_is_ended_first(tmp_path):
    orphan = EmbeddedMongod.in_folder(tmp_path)
    with orphan:
        insert(orphan.url, 1)
        pid = running_pid(orphan.folder)
        with EmbeddedMongod.in_folder(tmp_path) as heir:
            assert orphan.exit_status == 0
            assert running_pid(heir.folder) != pid
            assert insert(heir.url, 2) == 2


def test_a_mongod_ends_with_the_process_that_started_it(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from app.local.embedded import EmbeddedMongod\n"
        "with EmbeddedMongod.in_folder(Path(sys.argv[1])): print('up', flush=True); time.sleep(600)"
    )
    owner = python(script, str(tmp_path))
    with owner:
        assert owner.stdout.readline() == b"up\n"
        pid = running_pid(tmp_path / "mongod")
        owner.send_signal(signal.SIGKILL)
    assert pid is not None
    wait_until_gone(pid)


def test_an_ephemeral_one_leaves_no_file_and_allows_test_commands():
    with EmbeddedMongod.ephemeral() as mongod:
        with MongoClient(mongod.url) as client:
            client.admin.command("configureFailPoint", "failCommand", mode="off")
        assert mongod.folder.is_dir()
    assert not mongod.folder.exists()


def test_the_folders_of_killed_test_runs_are_removed():
    with EmbeddedMongod.ephemeral() as mongod:
        gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
        abandoned = mongod.folder.with_name(f"payment-gateway-mongod-{int(gone.stdout)}-x")
        abandoned.mkdir()
        another = EmbeddedMongod.ephemeral()
        assert not abandoned.exists()
        assert mongod.folder.exists()
        another.close()


def test_several_may_wait_for_the_same_mongod_and_only_one_initiates():
    mongod = EmbeddedMongod.ephemeral()
    mongod.prepare()
    mongod.spawn()
    script = f"from app.local.embedded import become_primary; become_primary({mongod.port})"
    others = [python(script) for _ in range(3)]
    become_primary(mongod.port)
    assert [other.communicate(timeout=30)[0] for other in others] == [b"", b"", b""]
    assert [other.returncode for other in others] == [0, 0, 0]
    mongod.close()


async def test_a_port_in_use_is_said_in_one_sentence(tmp_path):
    with EmbeddedMongod.ephemeral() as other:
        mongod = EmbeddedMongod.in_folder(tmp_path, port=other.port)
        with pytest.raises(MongodFailed, match="Address already in use") as failure:
            await mongod.start()
    assert str(mongod.log) in str(failure.value)


def test_the_installed_one_is_preferred_to_the_wheel(tmp_path, monkeypatch):
    theirs = program(tmp_path, 'echo "db version v7.0.14"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod() == theirs
    assert find_mongod("") == theirs


def test_an_installed_one_that_is_too_old_is_passed_over(tmp_path, monkeypatch):
    old = program(tmp_path, 'echo "db version v4.4.29"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod() != old
    with pytest.raises(MongodUnusable, match=r"it is version 4.4, older than 6.0; point MONGOD_PATH"):
        find_mongod(str(old))


def test_without_any_mongod_the_ways_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MongodNotFound, match=r"^No mongod 6.0 or newer was found: set MONGODB_URL") as problem:
        find_mongod(wheels=("no-such-wheel", "pytest"))
    for way in ("MONGODB_URL", "MONGOD_PATH", "install MongoDB", "`embedded`"):
        assert way in str(problem.value)
    old = program(tmp_path, 'echo "db version v4.4.29"')
    with pytest.raises(MongodNotFound, match=r"it is version 4\.4, older than 6\.0"):
        find_mongod(wheels=())
    assert old.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'echo "mongod: error while loading shared libraries: libcurl.so.4: cannot open it" >&2; exit 127',
            "the shared library libcurl.so.4 is missing",
        ),
        ("kill -ILL $$", "lacks the instructions it needs"),
        ('echo "something odd" >&2; exit 2', "it said `something odd`"),
        ("exit 9", "it ended with status 9"),
    ],
)
def test_a_mongod_that_does_not_run_says_why(tmp_path, text, sentence):
    with pytest.raises(MongodUnusable, match=sentence):
        find_mongod(str(program(tmp_path, text)))


def test_a_path_that_leads_nowhere_is_said(tmp_path):
    with pytest.raises(MongodUnusable, match="there is no such file"):
        find_mongod(str(tmp_path / "mongod"))
    plain = tmp_path / "text"
    plain.write_text("")
    with pytest.raises(MongodUnusable, match="does not run"):
        find_mongod(str(plain))


async def test_data_that_a_mongod_refuses_is_explained_with_its_own_words(tmp_path):
    mongod = EmbeddedMongod.in_folder(tmp_path)
    mongod.folder.mkdir(parents=True)
    (mongod.folder / "storage.bson").write_bytes(b"\x10\x00\x00\x00garbage garbage")
    with pytest.raises(MongodFailed, match="mongod says `"):
        await mongod.start()
    assert mongod.exit_status


def test_a_lock_file_that_names_a_stranger_ends_nobody(tmp_path):
    (tmp_path / "mongod").mkdir()
    (tmp_path / "mongod" / "mongod.lock").write_text(str(os.getpid()))
    assert running_pid(tmp_path / "mongod") is None
    with EmbeddedMongod.in_folder(tmp_path) as mongod:
        assert insert(mongod.url, 1) == 1
