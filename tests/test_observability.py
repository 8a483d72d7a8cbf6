"""Error tracking and traces: off unless asked for, and silent about what errors quote."""

import asyncio
import gzip
import json
import sys

import pytest

from app.config import Settings
from app.kit.extras import ExtraMissing, load_extra
from app.observability import scrubbed_event, start_error_tracking, telemetry_of

PLANTED = {
    "a bearer token": "Bearer abcdef.ghijkl-mnop",
    "an access token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "an API key": "pgk_live_AbCdEfGhIjKlMnOpQrStUv",
    "a processor key": "rzp_live_AbCdEfGhIjKlMn",
    "an e-mail": "asha.rao@example.com",
    "a card number": "4111 1111 1111 1111",
    "an address with a password": "mongodb://user:hunter2hunter2@db.internal/x",
}
HEARD = {"a processor key": "AbCdEfGhIjKlMn", "an address with a password": "hunter2hunter2"}
_CHILD = """
import sys
from app.config import Settings
from app.observability import start_error_tracking
import sentry_sdk

start_error_tracking(Settings(_env_file=None, environment="test", sentry_dsn=sys.argv[1]))
local_secret = "a secret in a local variable"
try:
    raise ValueError(sys.argv[2])
except ValueError as error:
    sentry_sdk.add_breadcrumb(message=sys.argv[2])
    sentry_sdk.capture_exception(error)
sentry_sdk.flush(timeout=10)
"""


def settings_of(**given):
    return Settings(_env_file=None, environment="test", **given)


@pytest.mark.parametrize("name", PLANTED)
def test_t6_an_event_keeps_no_secret_wherever_it_stands(name):
    secret = PLANTED[name]
    event = {
        "exception": {"values": [{"type": "ValueError", "value": f"refused: {secret} today"}]},
        "breadcrumbs": {"values": ({"message": f"met {secret}", "data": {"deep": [secret, 7, None]}},)},
        "request": {
            "method": "POST",
            "url": "http://shop.example.com/api/v1/payments",
            "headers": {"Authorization": secret},
            "query_string": secret,
            "cookies": {"a": secret},
            "data": {"b": secret},
        },
        "level": "error",
    }
    sent = scrubbed_event(event, {})
    assert HEARD.get(name, secret) not in json.dumps(sent)
    assert sent["request"] == {"method": "POST", "url": "http://shop.example.com/api/v1/payments"}
    assert sent["exception"]["values"][0]["type"] == "ValueError"
    assert sent["exception"]["values"][0]["value"].startswith("refused: ")
    assert sent["breadcrumbs"]["values"][0]["data"]["deep"][1:] == [7, None]


async def test_t6_what_leaves_for_the_error_tracker_says_what_failed_and_no_secret():
    bodies = asyncio.Queue()

    async def take(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        body = await reader.readexactly(length)
        bodies.put_nowait(gzip.decompress(body) if "content-encoding: gzip" in head else body)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    dsn = f"http://public@127.0.0.1:{server.sockets[0].getsockname()[1]}/1"
    said = "the planted error; " + "; ".join(PLANTED.values())
    async with server:
        # A process of its own: the tracker puts itself into every library of the process that starts it.
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, dsn, said)
        async with asyncio.timeout(60):
            assert await child.wait() == 0
            sent = (await bodies.get()).decode()
    assert "the planted error" in sent
    assert "ValueError" in sent
    for name, secret in PLANTED.items():
        assert HEARD.get(name, secret) not in sent, name
    assert "a secret in a local variable" not in sent


def test_nothing_is_tracked_or_traced_unless_asked_for():
    before = set(sys.modules)
    start_error_tracking(settings_of())
    off = telemetry_of(settings_of())
    assert off == {"tracing": False, "metrics": False, "logs": False}
    assert not {name for name in set(sys.modules) - before if name.startswith(("sentry_sdk", "opentelemetry"))}
    off["logs"] = True
    assert telemetry_of(settings_of())["logs"] is False  # each application gets its own


def test_traces_are_sampled_and_carry_no_logs():
    telemetry = telemetry_of(settings_of(otel_exporter_otlp_endpoint="http://127.0.0.1:9"))
    provider = telemetry.pop("tracer_provider")
    try:
        assert telemetry == {"tracing": True, "metrics": False, "logs": False, "operation_spans": False}
        assert "0.05" in provider.sampler.get_description()
    finally:
        provider.shutdown()


def test_a_setting_without_its_package_says_which_one_is_missing():
    with pytest.raises(ExtraMissing, match=r"SENTRY_DSN is set.*extra `sentry`"):
        load_extra("a_package_that_nobody_has", setting="SENTRY_DSN", extra="sentry")
