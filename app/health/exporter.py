"""The worker's own small door: `GET /metrics`, for what only a worker counts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from app.health.exposition import CONTENT_TYPE, Scraper, exposition_of
from app.health.service import Health
from app.web.metrics import Metrics

_GRACE_SECONDS = 1.0


class MetricsPortTaken(OSError):
    """Somebody else listens at the worker's port for its metrics; the message is a sentence for whoever starts it."""


@asynccontextmanager
async def exporting(health: Health, metrics: Metrics, scraper: Scraper, *, host: str, port: int) -> AsyncIterator[None]:
    """Show the metrics at this address until the block ends; port 0 shows them to nobody. Raises MetricsPortTaken."""
    if not port:
        yield
        return

    async def show(request: web.Request) -> web.Response:
        if not scraper.may_read(request.headers.get("authorization")):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        return web.Response(body=await exposition_of(health, metrics), headers={"Content-Type": CONTENT_TYPE})

    application = web.Application()
    application.router.add_get("/metrics", show)
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=_GRACE_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            message = f"Port {port} at {host} cannot be used ({error.strerror}). Choose another WORKER_METRICS_PORT."
            raise MetricsPortTaken(error.errno, message) from None
        yield
    finally:
        await runner.cleanup()
