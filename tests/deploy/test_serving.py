"""The service behind the reverse proxy: two instances as one, and nothing lost while parts of it stop and start."""

import asyncio
import json
import os
import sys
from subprocess import PIPE, STDOUT

import aiohttp
import pytest

from tests.chaos.processes import ROOT
from tests.chaos.proxy import HOST
from tests.deploy.edge import Edge
from tests.deploy.load import LEAST_LIMIT_SECONDS, Failure, Load, differences, world_at
from tests.world import Merchant, new_key

_RELOADS = 12


@pytest.fixture(scope="session")
async def merchant(edge: Edge) -> Merchant:
    return await world_at(edge.nginx.url, edge.simulator_url, edge.session).merchant()


def failures_of(load: Load) -> list[Failure]:
    """Return what failed for another reason than a database that is kept waiting by this machine."""
    return [failure for failure in load.failures if not failure.is_of_a_slow_database]


async def test_the_demo_runs_through_the_proxy_by_tls(edge):
    trust = str(edge.nginx.folder / "tls.crt")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "demo"),
        *("--api-url", edge.nginx.url, "--simulator-url", edge.simulator_url),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SSL_CERT_FILE": trust, "HOME": os.environ["HOME"]},
        cwd=edge.nginx.folder,
        stdout=PIPE,
        stderr=STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, said.decode()
    assert "All three payments ended as they must." in said.decode()


async def test_one_user_s_flow_may_change_the_instance_at_every_step(edge, merchant):
    one, other = (world_at(f"http://{HOST}:{port}", edge.simulator_url, edge.session) for port in edge.api_ports)
    hosts = {"Host": "localhost"}
    body, key = {"amount": 70000, "currency": "INR"}, new_key()
    created = await one.ask("POST", "/api/v1/payments", body, bearer=merchant.secret, key=key, headers=hosts)
    repeated = await other.ask("POST", "/api/v1/payments", body, bearer=merchant.secret, key=key, headers=hosts)
    assert (created.status, repeated.status, repeated.data) == (201, 201, created.data)
    account = {"email": merchant.email, "password": "correct horse battery"}
    signed_in = await other.ask("POST", "/api/v1/auth/signin", account, headers=hosts)
    token, refresh = signed_in.data["access_token"], signed_in.data["refresh_token"]
    assert (await one.ask("GET", "/api/v1/auth/profile", bearer=token, headers=hosts)).status == 200
    renewed = await one.ask("POST", "/api/v1/auth/refresh", {"refresh_token": refresh}, headers=hosts)
    assert renewed.status == 200
    signed_out = await other.ask("POST", "/api/v1/auth/signout", bearer=renewed.data["access_token"], headers=hosts)
    assert signed_out.status in {200, 204}
    async with asyncio.timeout(35):
        while (await one.ask("GET", "/api/v1/auth/profile", bearer=token, headers=hosts)).status != 401:
            await asyncio.sleep(0.2)


async def test_p8_reloading_the_proxy_loses_no_request(edge):
    # A connection that rests is closed by a reload, and HTTP/1.1 can't tell whether a request was on its way in it: a
    # client that keeps connections repeats. Here each request has its own, so that whatever fails is the proxy's doing.
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=edge.nginx.trust, force_close=True)
    ) as session:
        await _reload_under_load(edge, await world_at(edge.nginx.url, edge.simulator_url, session).merchant())


async def _reload_under_load(edge: Edge, merchant: Merchant) -> None:
    load = Load([merchant])
    load.start()
    for _ in range(_RELOADS):
        await asyncio.sleep(0.4)
        edge.nginx.reload()
    await load.stop()
    assert failures_of(load) == []
    assert load.asked > _RELOADS
    assert await differences(load) == []


async def test_p7_restarting_one_instance_after_the_other_fails_no_request(edge, merchant):
    before = len(edge.nginx.access_log().splitlines())
    load = Load([merchant])
    load.start()
    for instance in edge.apis:
        assert await instance.stop()
        instance.start()
        await instance.wait_until_healthy()
        await asyncio.sleep(1)
    await load.stop()
    assert failures_of(load) == []
    assert load.asked > 20
    assert await differences(load) == []
    # The processor's events came by the same way.
    passed = [json.loads(line) for line in edge.nginx.access_log().splitlines()[before:]]
    failed = [line for line in passed if line["status"] >= 500]
    assert [line for line in failed if line["status"] != 503 or line["duration_seconds"] < LEAST_LIMIT_SECONDS] == []


async def test_g5_a_killed_instance_costs_at_most_a_repetition(edge, merchant):
    load = Load([merchant])
    load.start()
    for instance in edge.apis:
        # Longer than nginx leaves an instance alone that failed: the other one is in service again.
        await asyncio.sleep(3)
        instance.kill()
        await asyncio.sleep(1)
        instance.start()
        await instance.wait_until_healthy()
    await load.stop()
    # A request that changes nothing is given to the other instance; one that may have changed something never is.
    assert [failure for failure in failures_of(load) if failure.method != "POST"] == []
    assert await differences(load) == []
