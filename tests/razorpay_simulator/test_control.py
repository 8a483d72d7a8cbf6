"""The control API: time, faults, journal, seeds, accounts; each bad command is a sentence and changes nothing."""

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from razorpay_simulator import SimulatorConfig, serve, wire
from razorpay_simulator.errors import ApiError

SEEDED = ("orders", "payments", "refunds", "disputes", "customers", "downtimes")


async def test_the_guide_lists_every_control_with_a_sentence(call):
    guide = await call.ok("GET", "/_sim/")
    assert all(entry["route"] and entry["does"].endswith(".") for entry in guide["control"])
    assert "POST /v1/orders" in guide["api"]


async def test_time_stands_still_and_moves_on(call):
    frozen = await call.ok("POST", "/_sim/clock/freeze")
    assert frozen["frozen"]
    moved = await call.advance(3600)
    assert moved["now"] - frozen["now"] == pytest.approx(3600)
    assert (await call.ok("GET", "/_sim/clock"))["now"] == moved["now"]
    assert not (await call.ok("POST", "/_sim/clock/freeze", {"frozen": False}))["frozen"]


async def test_a_reset_forgets_everything_but_the_keys(call):
    order = await call.order()
    assert (await call.ok("POST", "/_sim/reset"))["reset"]
    assert (await call.refused("GET", f"/v1/orders/{order['id']}"))["description"] == "The id provided does not exist"
    assert (await call.ok("GET", "/v1/orders"))["count"] == 0


async def test_seeds_are_the_same_for_the_same_number(call, call_to):
    planted = await call.ok("POST", "/_sim/seed", {"seed": 7})
    assert all(planted[kind] for kind in SEEDED)
    async with serve(SimulatorConfig(port=0, quiet=True)) as other:
        again = await call_to(other).ok("POST", "/_sim/seed", {"seed": 7})
        different = await call_to(other).ok("POST", "/_sim/seed", {"seed": 8})
    assert again == planted
    assert different["orders"] != planted["orders"]
    states = {(await call.ok("GET", f"/v1/payments/{one}"))["status"] for one in planted["payments"]}
    assert {"authorized", "captured", "failed"} <= states


async def test_accounts_keep_apart(call, call_to):
    made = await call.ok("POST", "/_sim/accounts", {})
    other = call_to(call.simulator, made["key_id"], made["key_secret"])
    order = await call.order()
    assert (await other.refused("GET", f"/v1/orders/{order['id']}"))["status"] == 400
    assert made["account_id"] in {one["account_id"] for one in (await call.ok("GET", "/_sim/accounts"))["items"]}


async def test_the_journal_tells_what_happened_in_order(call):
    before = (await call.ok("GET", "/_sim/journal"))["last"]
    await call.captured()
    after = (await call.ok("GET", f"/_sim/journal?since={before}"))["entries"]
    assert [entry["seq"] for entry in after] == sorted(entry["seq"] for entry in after)
    assert "payment.captured" in {entry["kind"] for entry in after}
    only = (await call.ok("GET", f"/_sim/journal?since={before}&kind=payment.captured&limit=1"))["entries"]
    assert len(only) == 1


async def test_the_journal_may_go_to_a_file(tmp_path, call_to):
    path = tmp_path / "journal.jsonl"
    async with serve(SimulatorConfig(port=0, quiet=True, journal=path)) as running:
        await call_to(running).order()
        kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
    assert "order.created" in kinds


async def test_lists_may_trail_behind(call):
    await call.ok("POST", "/_sim/list_lag", {"seconds": 60})
    order = await call.order()
    assert (await call.ok("GET", "/v1/orders"))["count"] == 0
    assert (await call.ok("GET", f"/v1/orders/{order['id']}"))["id"] == order["id"]
    await call.advance(61)
    assert (await call.ok("GET", "/v1/orders"))["count"] == 1


async def test_downtimes_begin_change_and_end(call):
    begun = await call.ok("POST", "/_sim/downtimes", {"method": "card", "severity": "low"})
    changed = await call.ok("POST", f"/_sim/downtimes/{begun['id']}/update", {"severity": "high"})
    ended = await call.ok("POST", f"/_sim/downtimes/{begun['id']}/resolve")
    assert [one["status"] for one in (begun, changed, ended)] == ["started", "updated", "resolved"]
    assert ended["end"] is not None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/_sim/orders/order_Nobody/pay", {}),
        ("POST", "/_sim/faults", {"route": "POST /v1/orders", "mode": "explode"}),
        ("POST", "/_sim/faults", {"route": "everything", "mode": "slow"}),
        ("POST", "/_sim/faults", {"route": "POST /v1/orders", "mode": "slow", "probability": 2}),
        ("POST", "/_sim/faults", {"route": "POST /v1/orders"}),
        ("POST", "/_sim/faults", {"route": "POST /v1/orders", "mode": "slow", "surprise": 1}),
        ("DELETE", "/_sim/faults/flt_none", None),
        ("POST", "/_sim/clock/advance", {"seconds": "soon"}),
        ("POST", "/_sim/clock/advance", {"seconds": -1}),
        ("GET", "/_sim/journal?since=x", None),
        ("POST", "/_sim/downtimes", {"instrument": 7}),
        ("POST", "/_sim/downtimes/down_none/resolve", None),
        ("POST", "/_sim/payments/pay_none/authorize", {}),
        ("POST", "/_sim/refunds/rfnd_none/process", {}),
        ("POST", "/_sim/webhooks/events/evt_none/redeliver", {}),
        ("POST", "/_sim/seed", {"key_id": "rzp_test_nobody"}),
    ],
)
async def test_a_bad_command_is_refused_in_a_sentence(call, method, path, body):
    refused = await call.refused(method, path, body)
    assert refused["description"]
    assert (await call.ok("GET", "/_sim/faults"))["items"] == []


async def test_the_same_seed_gives_the_same_faults(call):
    rule = {"route": "GET /v1/orders", "mode": "error_before", "probability": 0.5, "seed": 11}
    patterns = []
    for _ in range(2):
        await call.ok("POST", "/_sim/faults", rule)
        patterns.append([(await call("GET", "/v1/orders")).status for _ in range(20)])
        await call.ok("DELETE", "/_sim/faults")
    assert patterns[0] == patterns[1]
    assert set(patterns[0]) == {200, 500}


@pytest.mark.parametrize(
    ("mode", "status"),
    [
        ("error_before", 500),
        ("error_after", 500),
        ("rate_limit", 429),
        ("html_502", 502),
        ("unauthorized_string", 401),
        ("conflict_409", 409),
        ("truncated_json", 200),
        ("empty_200", 200),
        ("wrong_amount", 200),
        ("wrong_currency", 200),
        ("contradictory", 200),
        ("slow", 200),
        ("delay_then_process", 200),
    ],
)
async def test_every_fault_strikes_once_and_is_over(call, mode, status):
    rule = {"route": "POST /v1/orders", "mode": mode, "times": 1, "delay_seconds": 0.01}
    made = await call.ok("POST", "/_sim/faults", rule)
    body = {"amount": 50_000, "currency": "INR"}
    struck = await call("POST", "/v1/orders", body)
    assert struck.status == status
    assert (await call("POST", "/v1/orders", body)).status == 200
    (shown,) = (await call.ok("GET", "/_sim/faults"))["items"]
    assert (shown["id"], shown["hits"]) == (made["id"], 1)
    await call.ok("DELETE", f"/_sim/faults/{made['id']}")
    assert (await call.ok("GET", "/_sim/faults"))["items"] == []


@pytest.mark.parametrize(
    ("raw", "content_type", "fields"),
    [
        (b"", "application/json", {}),
        (b"[]", "application/json", {}),
        (b'{"a": 1}', "text/plain", {"a": 1}),
        (
            b"a=1&notes[b]=2&events[]=x&events[]=y",
            "application/x-www-form-urlencoded",
            {"a": "1", "notes": {"b": "2"}, "events": ["x", "y"]},
        ),
        (b"a[0][b]=1&a[1][b]=2", "application/x-www-form-urlencoded", {"a": [{"b": "1"}, {"b": "2"}]}),
        (b'{"a": 1}', "application/x-www-form-urlencoded", {"a": 1}),
    ],
)
def test_every_dialect_of_a_body_is_read(raw, content_type, fields):
    assert wire.parse_body(raw, content_type) == fields


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"[1]", "application/json"),
        (b"7", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded"),
        (b"a=1&a[b]=2", "application/x-www-form-urlencoded"),
        (b"x" * (1024 * 1024 + 1), "application/json"),
    ],
)
def test_no_body_at_all_ends_in_anything_but_a_refusal(raw, content_type):
    with pytest.raises(ApiError):
        wire.parse_body(raw, content_type)


@pytest.mark.parametrize(
    ("query", "expands"),
    [
        (b"expand[]=payments&expand[]=payments.card", {"payments", "payments.card"}),
        (b"expand%5Bexpand%5D=payments", {"payments"}),
        (b"expand=card&count=2", {"card"}),
        (b"", set()),
    ],
)
def test_every_spelling_of_expand_is_read(query, expands):
    assert wire.parse_expands(wire.parse_query(query)) == expands


STEPS = st.lists(
    st.sampled_from(["pay", "fail", "capture", "refund", "refund_all", "advance", "late"]), min_size=1, max_size=10
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, is_manual=st.booleans())
async def test_money_is_conserved_through_any_life(call, steps, is_manual):
    rule = {"payment": {"capture": "manual", "capture_options": {"manual_expiry_period": 7200}}} if is_manual else {}
    order = await call.order(10_000, **rule)
    for step in steps:
        listed = (await call.ok("GET", f"/v1/orders/{order['id']}/payments"))["items"]
        newest = listed[0]["id"] if listed else "pay_None0000000000"
        match step:
            case "pay":
                await call("POST", f"/_sim/orders/{order['id']}/pay", {"method": "card", "outcome": "success"})
            case "fail":
                await call("POST", f"/_sim/orders/{order['id']}/pay", {"method": "upi", "outcome": "failure"})
            case "late":
                await call("POST", f"/_sim/payments/{newest}/authorize", {})
            case "capture":
                await call("POST", f"/v1/payments/{newest}/capture", {"amount": 10_000, "currency": "INR"})
            case "refund":
                await call("POST", f"/v1/payments/{newest}/refund", {"amount": 3_000})
            case "refund_all":
                await call("POST", f"/v1/payments/{newest}/refund", {})
            case "advance":
                await call.advance(4 * 86_400)
        shown = await call.ok("GET", f"/v1/orders/{order['id']}")
        assert shown["amount_paid"] + shown["amount_due"] == 10_000
        for payment in (await call.ok("GET", f"/v1/orders/{order['id']}/payments"))["items"]:
            assert 0 <= payment["amount_refunded"] <= payment["amount"] == 10_000
            assert payment["captured"] or payment["status"] in {"created", "authorized", "failed", "refunded"}


def command(*arguments):
    done = subprocess.run(  # noqa: S603  the command is ours
        [sys.executable, "-m", "razorpay_simulator", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_explains_itself():
    status, said = command("--help")
    assert status == 0
    assert all(option in said for option in ("--port", "--seed", "--journal", "--latency-ms"))


async def test_a_port_in_use_is_said_in_one_sentence(simulator):
    port = simulator.url.rpartition(":")[2]
    status, said = command("--port", port)
    assert status != 0
    assert port in said
    assert "Traceback" not in said
