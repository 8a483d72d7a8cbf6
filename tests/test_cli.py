"""The commands: what they print, how they end."""

import json
from pathlib import Path

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from app.cli import app

ROOT = Path(__file__).parents[1]
EVERY = ("run", "api", "worker", "demo", "seed-demo", "migrate", "openapi", "error-reference")


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


def test_migrate_makes_the_database(command, mongodb_url, database_name):
    name = f"{database_name}-cli"
    result = command("migrate", MONGODB_URL=mongodb_url, DATABASE_NAME=name)
    assert (result.exit_code, result.output) == (0, "The database is ready.\n")
    with MongoClient(mongodb_url) as client:
        assert {"users", "payments", "sessions"} <= set(client[name].list_collection_names())
        client.drop_database(name)


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
