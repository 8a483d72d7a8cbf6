"""The commands: what they print, how they end."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from app.cli import app
from app.database import Database
from app.kit.clock import SystemClock
from app.kit.ids import RandomIds
from app.kit.scope import Mode, Scope
from app.outbox.models import ItemState, Lane, job
from app.outbox.service import Outbox
from app.outbox.store import COLLECTIONS, OutboxStore

ROOT = Path(__file__).parents[1]
EVERY = (
    "run",
    "api",
    "worker",
    "demo",
    "seed-demo",
    "migrate",
    "gather-customers",
    "openapi",
    "backup",
    "restore",
    "error-reference",
    "outbox",
)


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Return a function that runs a command in an empty folder with these settings."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **settings):
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        return CliRunner().invoke(app, arguments)

    return run


def test_help_lists_every_command_with_a_sentence(command):
    shown = command("--help").output
    assert all(name in shown for name in EVERY)
    for name in EVERY:
        assert command(name, "--help").exit_code == 0


@pytest.mark.parametrize("name", ["api", "worker", "run", "migrate", "openapi"])
def test_t9_a_bad_setting_ends_every_command_in_one_sentence(command, name):
    result = command(name, ENVIRONMENT="production", SECRET_KEY="short", PORT="notaport")
    assert result.exit_code == 2
    assert "PORT" in result.output
    assert "Traceback" not in result.output


def test_t9_a_refusal_names_the_setting(command):
    result = command("api", ENVIRONMENT="production", SECRET_KEY="short")
    assert result.exit_code == 2
    assert "SECRET_KEY" in result.output
    assert "short" not in result.output.replace("too short", "")


@pytest.mark.parametrize("name", ["api", "worker", "migrate"])
def test_g5_a_database_that_does_not_answer_ends_every_command_in_one_sentence(command, name):
    nowhere = "mongodb://keeper:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=100"
    result = command(name, MONGODB_URL=nowhere, DATABASE_WAIT_SECONDS=8)
    assert result.exit_code == 3
    assert "No MongoDB primary answers at 127.0.0.1:1 (ServerSelectionTimeoutError). Waiting ..." in result.output
    assert result.output.splitlines()[-1].startswith("Stopped: No MongoDB primary answers at 127.0.0.1:1")
    assert "Traceback" not in result.output
    assert "hunter2" not in result.output


def test_t9_what_is_no_address_of_a_database_is_refused(command):
    result = command("api", MONGODB_URL="mongodb://somewhere:port")
    assert (result.exit_code, result.output) == (2, "Refused: MONGODB_URL is no address of a database (ValueError).\n")


def test_a_worker_whose_port_for_metrics_is_taken_says_so_in_one_sentence(mongodb_url, database_name, tmp_path):
    # In a process of its own: a worker takes over the logs and signals of the one that it runs in.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        mongodb = {"MONGODB_URL": mongodb_url, "DATABASE_NAME": f"{database_name}-cli"}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOST": "127.0.0.1", **mongodb}
        ended = subprocess.run(
            [sys.executable, "-m", "app.cli", "worker"],
            env={**environment, "WORKER_METRICS_PORT": str(port)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    with MongoClient(mongodb_url) as client:
        client.drop_database(f"{database_name}-cli")
    assert ended.returncode == 3
    (said,) = ended.stderr.splitlines()
    assert said.startswith(f"Stopped: Port {port} at 127.0.0.1 cannot be used"), said
    assert said.endswith("Choose another WORKER_METRICS_PORT.")


def test_migrate_makes_the_database(command, mongodb_url, database_name):
    name = f"{database_name}-cli"
    result = command("migrate", MONGODB_URL=mongodb_url, DATABASE_NAME=name)
    assert (result.exit_code, result.output) == (0, "The database is ready.\n")
    with MongoClient(mongodb_url) as client:
        assert {"users", "payments", "sessions"} <= set(client[name].list_collection_names())
        client.drop_database(name)


def test_customers_are_gathered_where_there_are_none(command, mongodb_url, database_name):
    result = command("gather-customers", MONGODB_URL=mongodb_url, DATABASE_NAME=database_name)
    assert (result.exit_code, "0 payments were counted anew" in result.output) == (0, True), result.output


def test_openapi_is_printed_as_json(command):
    document = json.loads(command("openapi").output)
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/payments" in document["paths"]
    collection = json.loads(command("openapi", "--postman").output)
    assert collection["info"]["schema"].endswith("v2.1.0/collection.json")


def test_the_error_reference_is_the_document(command):
    result = command("error-reference")
    assert result.output == (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")


def test_the_demo_account_is_never_made_where_it_is_switched_off(command):
    result = command("seed-demo", DEMO_ACCOUNT="false")
    assert result.exit_code == 2
    assert "DEMO_ACCOUNT" in result.output


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_demo_account_is_printed(command, mongodb_url, database_name, options):
    name = f"{database_name}-cli-seed"
    result = command("seed-demo", *options, MONGODB_URL=mongodb_url, DATABASE_NAME=name)
    assert result.exit_code == 0, result.output
    assert "email" in result.output
    with MongoClient(mongodb_url) as client:
        client.drop_database(name)


def test_a_demo_without_service_fails_with_the_way_out(command):
    result = command("demo", PORT="9", SIMULATOR_PORT="9", HOST="127.0.0.1")
    assert result.exit_code == 1
    assert "make run" in result.output


def test_g12_a_database_is_saved_and_brought_back_by_one_command_each(command, mongodb_url, database_name, tmp_path):
    name = f"{database_name}-cli-backup"
    settings = {"MONGODB_URL": mongodb_url, "DATABASE_NAME": name}
    try:
        assert command("seed-demo", **settings).exit_code == 0
        assert command("seed-payments", "--count", "50", "--books").exit_code == 0
        saved = command("backup", str(tmp_path / "saved"), "--keep", "1")
        assert saved.exit_code == 0, saved.output
        refused = command("restore", str(tmp_path / "saved"))
        assert refused.exit_code == 2
        assert "is not empty" in refused.output
        assert "--drop" in refused.output
        restored = command("restore", str(tmp_path / "saved"), "--database", f"{name}-2")
        assert restored.exit_code == 0, restored.output
        assert restored.output.splitlines()[-1] == "Restored: every invariant holds."
        assert "payments (I1, I7, I10, I14): 50 looked at" in restored.output
        with MongoClient(mongodb_url) as client:
            client[f"{name}-2"]["ledger_entries"].delete_one({"cause.kind": "capture"})
        assert command("backup", str(tmp_path / "broken"), DATABASE_NAME=f"{name}-2").exit_code == 0
        broken = command("restore", str(tmp_path / "broken"), "--drop", DATABASE_NAME=name)
        assert broken.exit_code == 1
        assert "entry_missing" in broken.output
        assert "captured_not_booked" in broken.output
    finally:
        with MongoClient(mongodb_url) as client:
            client.drop_database(name)
            client.drop_database(f"{name}-2")


def test_there_is_nothing_to_save_or_to_restore_where_there_is_nothing(command, mongodb_url, database_name, tmp_path):
    name = f"{database_name}-cli-nothing"
    saved = command("backup", str(tmp_path), MONGODB_URL=mongodb_url, DATABASE_NAME=name)
    assert (saved.exit_code, saved.output) == (
        1,
        f"No backup: The database {name} is empty: there is nothing to save.\n",
    )
    restored = command("restore", str(tmp_path))
    assert (restored.exit_code, restored.output) == (2, f"Not restored: There is no backup in {tmp_path}.\n")


@pytest.fixture
def parked(mongodb_url, database_name):
    """Return the settings of a database with two items that were parked and one that waits."""
    name = f"{database_name}-cli-outbox"
    asyncio.run(park(mongodb_url, name, count=2))
    yield {"MONGODB_URL": mongodb_url, "DATABASE_NAME": name}
    with MongoClient(mongodb_url) as client:
        client.drop_database(name)


async def park(url, name, *, count):
    database = Database.connect(url, name=name)
    await database.ensure(COLLECTIONS)
    outbox = Outbox(OutboxStore(database), SystemClock(), RandomIds())
    scope = Scope("mer_1", Mode.LIVE)
    jobs = [job("refund.send", f"ref_{number}") for number in range(count + 1)]
    await database.transaction(lambda session: outbox.add(scope, jobs, session=session))
    for _ in range(count):
        claimed = await outbox.store.claim_due_item(Lane.PAYMENTS, owner="lse_1")
        await outbox.store.finish_item(scope, claimed, ItemState.PARKED, at=outbox.clock.now(), reason="defect")
    await database.close()


def test_p4_what_is_parked_is_listed_and_replayed_from_the_command_line(command, parked):
    lines = [json.loads(line) for line in command("outbox", "list", **parked).output.splitlines()]
    assert [(line["merchant"], line["mode"], line["reason"]) for line in lines] == [("mer_1", "live", "defect")] * 2
    assert lines[0]["id"] > lines[1]["id"]
    assert len(command("outbox", "list", "--state", "waiting").output.splitlines()) == 1
    assert len(command("outbox", "list", "--limit", "1").output.splitlines()) == 1
    replayed = command("outbox", "replay", lines[0]["id"])
    assert (replayed.exit_code, replayed.output) == (0, f"{lines[0]['id']}: will be worked on again.\n")
    assert len(command("outbox", "list").output.splitlines()) == 1


def test_what_cannot_be_replayed_is_said_and_does_not_stop_the_others(command, parked):
    first, second = (json.loads(line)["id"] for line in command("outbox", "list", **parked).output.splitlines())
    ended = command("outbox", "replay", first, "job_nowhere", first, second)
    assert ended.exit_code == 1
    assert ended.output.count("will be worked on again") == 2
    assert "There is no outbox item with this id." in ended.output
    assert "waiting to be worked on already" in ended.output
    assert command("outbox", "list").output == ""
