"""Metrics have their own registry, and the driver's commands are timed."""

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from pymongo.errors import OperationFailure

from app.database import Database
from app.web.metrics import Metrics


def test_metrics_never_touch_the_global_registry() -> None:
    before = generate_latest(REGISTRY)
    Metrics.create()
    Metrics.create()
    assert b"http_requests" not in before
    assert b"http_requests" not in generate_latest(REGISTRY)


def test_every_metric_is_shown() -> None:
    registry = CollectorRegistry()
    metrics = Metrics.create(registry)
    metrics.payment_moves.labels("live", "completed", "webhook").inc()
    metrics.processor_seconds.labels("create_order", "ok").observe(0.1)
    metrics.breaker_open.labels("api.razorpay.com").set(1)
    metrics.inbox_ends.labels("payment.captured", "applied").inc()
    metrics.inbox_depth.set(2)
    text = generate_latest(registry).decode()
    for line in (
        'payment_moves_total{mode="live",source="webhook",status="completed"} 1.0',
        'inbox_events_total{end="applied",type="payment.captured"} 1.0',
        'processor_call_duration_seconds_count{operation="create_order",outcome="ok"} 1.0',
        'processor_breaker_open{host="api.razorpay.com"} 1.0',
        "inbox_waiting 2.0",
        "inbox_oldest_waiting_seconds 0.0",
        "worker_heartbeat_age_seconds 0.0",
        "http_requests_in_flight 0.0",
    ):
        assert line in text


async def test_the_driver_s_commands_are_timed_and_their_failures_counted(mongodb_url: str, database_name: str) -> None:
    metrics = Metrics.create()
    database = Database.connect(mongodb_url, name=f"{database_name}-metrics", listeners=[metrics.database_listener()])
    await database.collection("x").find_one({})
    await database.ping()
    with pytest.raises(OperationFailure):
        await database.collection("x").find_one({"$nonsense": 1})
    await database.close()

    def value(name: str, command: str) -> float | None:
        return metrics.registry.get_sample_value(name, {"command": command})

    assert value("database_command_duration_seconds_count", "find") == 2
    assert (value("database_command_duration_seconds_count", "other") or 0) >= 1
    assert value("database_command_errors_total", "find") == 1
