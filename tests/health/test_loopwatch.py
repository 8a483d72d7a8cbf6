"""Whatever holds up the event loop is measured by how late a timer rings."""

import asyncio
import time

from app.health.loopwatch import LoopWatch
from app.web.metrics import Metrics


def rings(metrics: Metrics, within: str = "+Inf") -> float:
    return metrics.registry.get_sample_value("event_loop_lag_seconds_bucket", {"le": within}) or 0


async def test_a_loop_that_is_held_up_is_late_by_as_much() -> None:
    metrics = Metrics.create()
    watch = LoopWatch(metrics.process.loop_lag, every_seconds=0.01)
    watch.start()
    await asyncio.sleep(0)
    time.sleep(0.12)  # noqa: ASYNC251  what no piece of work may do
    async with asyncio.timeout(10):
        while not rings(metrics):
            await asyncio.sleep(0.001)
    assert rings(metrics, "0.1") < rings(metrics)
    watch.stop()


async def test_it_goes_on_until_it_is_stopped() -> None:
    metrics = Metrics.create()
    watch = LoopWatch(metrics.process.loop_lag, every_seconds=0.001)
    watch.stop()
    watch.start()
    async with asyncio.timeout(10):
        while rings(metrics) < 5:
            await asyncio.sleep(0.001)
    watch.stop()
    seen = rings(metrics)
    await asyncio.sleep(0.02)
    assert rings(metrics) == seen
