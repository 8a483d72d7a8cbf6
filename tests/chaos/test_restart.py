"""A rolling restart under load, behind a balancer that asks for readiness: no request is lost.

`P7_RESTARTS=50` restarts that often, one instance after the other; without it each is restarted once.
"""

import asyncio
import itertools
import math
import os
import sys

import aiohttp

from app.local.ports import free_port
from tests.chaos.processes import product_programs
from tests.chaos.proxy import HOST

_RESTARTS = int(os.environ.get("P7_RESTARTS", "2"))
_DRAIN_SECONDS = 2.0
_PROBE_SECONDS = 0.2
_FRESH_SECONDS = _DRAIN_SECONDS / 2  # an instance that says that it is ready serves for twice as long
_CLIENTS = 6
_PAUSE_SECONDS = 0.02


async def test_p7_instances_that_are_restarted_one_by_one_under_load_lose_no_request(
    mongodb_url, database_name, tmp_path
):
    ports = [free_port()]
    ports.append(free_port(other_than=ports))
    environment = {
        "ENVIRONMENT": "test",
        "HOST": HOST,
        "MONGODB_URL": mongodb_url,
        "DATABASE_NAME": database_name,
        "DRAIN_SECONDS": str(_DRAIN_SECONDS),
        "LOG_LEVEL": "WARNING",
        # The cheapest request there is is a sign-up that is refused, and all come from one address.
        "RATE_LIMITS_ENABLED": "false",
    }
    command = (sys.executable, "-m", "app.cli")
    apis, _ = product_programs(tmp_path, environment, api_ports=ports, workers=0, command=command)
    try:
        for api in apis:
            api.start()
        await asyncio.gather(*(api.wait_until_healthy() for api in apis))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http:
            answers = await _load_while(http, ports, _restart_all(apis))
    finally:
        for api in apis:
            api.kill()
    assert len(answers) > 10 * _CLIENTS
    assert set(answers) == {422}


async def _restart_all(apis):
    for api in itertools.islice(itertools.cycle(apis), _RESTARTS):
        assert await api.stop(), "it had to be killed"
        api.start()
        await api.wait_until_healthy()
        await asyncio.sleep(3 * _PROBE_SECONDS)


async def _load_while(http, ports, work):
    """Ask through a balancer until the work is done; return every answer's status."""
    ready, answers, stopping = {}, [], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_probe(http, ports, ready, stopping))
        for number in range(_CLIENTS):
            group.create_task(_ask(http, ready, number, answers, stopping))
        try:
            await work
        finally:
            stopping.set()
    return answers


async def _probe(http, ports, ready, stopping):
    """Keep when each instance that says that it is ready was asked last, as a balancer does."""
    loop = asyncio.get_running_loop()
    while not stopping.is_set():
        for port in ports:
            asked_at = loop.time()
            try:
                async with http.get(f"http://{HOST}:{port}/health/ready") as answer:
                    is_ready = answer.status == 200
            except aiohttp.ClientError:
                is_ready = False
            ready[port] = asked_at if is_ready else -math.inf
        await asyncio.sleep(_PROBE_SECONDS)


async def _ask(http, ready, number, answers, stopping):
    """Sign up with a bad body, again and again, where somebody was ready just now; any error ends the test."""
    loop = asyncio.get_running_loop()
    while not stopping.is_set():
        await asyncio.sleep(_PAUSE_SECONDS)
        # What was said before this process was held for a while tells nothing any more.
        fresh = sorted(port for port, said_at in ready.items() if loop.time() - said_at < _FRESH_SECONDS)
        if not fresh:
            continue
        number += 1
        async with http.post(f"http://{HOST}:{fresh[number % len(fresh)]}/api/v1/auth/signup", json={}) as answer:
            answers.append(answer.status)
