"""The seed's envelope, exactly, with times as RFC 3339 UTC in milliseconds."""

import json
from datetime import UTC, datetime, timedelta, timezone

import httpx2
from pydantic import BaseModel, TypeAdapter

from app.web.envelope import Failure, Page, Success, Timestamp, ok

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


class Thing(BaseModel):
    """Something with a time."""

    created_at: Timestamp


def test_a_success_is_the_seed_s_envelope() -> None:
    answer = ok(Thing(created_at=NOW), "Found.", now=NOW)
    adapter = TypeAdapter(Success[Thing])
    assert json.loads(adapter.dump_json(adapter.validate_python(answer))) == {
        "status": "success",
        "data": {"created_at": "2026-01-02T03:04:05.678Z"},
        "message": "Found.",
        "timestamp": "2026-01-02T03:04:05.678Z",
    }


def test_a_time_of_another_zone_is_shown_in_utc() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert json.loads(Thing(created_at=elsewhere).model_dump_json()) == {"created_at": "2026-01-02T03:04:05.678Z"}
    assert Thing.model_json_schema(mode="serialization")["properties"]["created_at"]["format"] == "date-time"


def test_a_page_has_items_has_more_and_a_cursor() -> None:
    assert set(Page[Thing].model_json_schema()["required"]) == {"items", "has_more", "next_cursor"}


async def test_a_failure_is_what_its_schema_says(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/nothing")
    Failure.model_validate(answer.json())
