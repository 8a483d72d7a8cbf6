"""A worker shows what it counts at its own small door, to the scraper alone."""

from typing import Any

import aiohttp
import pytest

from app.database import Database
from app.health.exporter import MetricsPortTaken, exporting
from app.health.exposition import Scraper
from app.health.service import Health
from app.kit.clock import MovableClock
from app.local.ports import free_port, is_free
from app.web.metrics import Metrics

TOKEN = "scraper-token"


@pytest.fixture
async def health(mongodb_url: str, database_name: str) -> Any:
    database = Database.connect(mongodb_url, name=f"{database_name}-exporter")
    yield Health(database=database, clock=MovableClock())
    await database.close()


async def ask(port: int, path: str = "/metrics", **headers: str) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as answer,
    ):
        return answer.status, answer.content_type, await answer.text()


async def test_the_scraper_reads_what_the_worker_counts(health: Any) -> None:
    metrics, port = Metrics.create(), free_port()
    metrics.payments_in_review.inc()
    scraper = Scraper(token=TOKEN, is_production=True)
    async with exporting(health, metrics, scraper, host="127.0.0.1", port=port):
        status, content_type, text = await ask(port, authorization=f"Bearer {TOKEN}")
        assert (status, content_type) == (200, "text/plain")
        assert "payment_reviews_total 1.0" in text
        assert "database_up 1.0" in text
        assert (await ask(port, authorization="Bearer wrong"))[0] == 401
        assert (await ask(port))[0] == 401
        assert (await ask(port, "/", authorization=f"Bearer {TOKEN}"))[0] == 404
    assert is_free(port)


async def test_port_nought_shows_nothing_to_nobody(health: Any) -> None:
    async with exporting(health, Metrics.create(), Scraper(token="", is_production=True), host="127.0.0.1", port=0):
        pass


async def test_a_port_that_is_taken_is_said(health: Any) -> None:
    port, scraper = free_port(), Scraper(token=TOKEN, is_production=True)
    async with exporting(health, Metrics.create(), scraper, host="127.0.0.1", port=port):
        with pytest.raises(MetricsPortTaken, match=f"Port {port} .* WORKER_METRICS_PORT"):
            async with exporting(health, Metrics.create(), scraper, host="127.0.0.1", port=port):
                pass


def test_the_scraper_s_token_is_not_shown() -> None:
    assert TOKEN not in repr(Scraper(token=TOKEN, is_production=True))
