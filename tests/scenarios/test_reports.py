"""Reports from secondaries, on a real set of three: they alone go there, and they answer without one too."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from app.database import Database, WriteThroughReports
from app.kit.clock import to_rfc3339
from app.local.ports import free_port
from tests.chaos.cluster import Cluster
from tests.chaos.processes import proxy_program
from tests.chaos.stage import PLAIN_OPTIONS
from tests.stepped import Stepped, stepped
from tests.world import PASSWORD, new_key

_READS = {"find", "aggregate", "count", "distinct", "getMore"}
_UNASKED = {"hello", "ping", "endSessions", "getMore"}


@dataclass
class Heard(CommandListener):
    """Which member got which command, on which collection."""

    commands: list[tuple[int, str, str]] = field(default_factory=list)

    def started(self, event: CommandStartedEvent) -> None:
        command: Any = event.command
        of = command.get(event.command_name)
        self.commands.append((event.connection_id[1], event.command_name, of if isinstance(of, str) else ""))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@dataclass
class Shop:
    """A product on a set of three, with what its driver was heard to ask."""

    running: Stepped
    cluster: Cluster
    heard: Heard

    async def wait(self, *, minutes: int) -> None:
        """Let time pass, and the owner sign in again, whose token does not live that long."""
        # Only the product's clock is moved: what a secondary gets within real minutes it may not have yet.
        await _until_all_have(self.cluster, self.running)
        merchant = self.running.merchant
        self.running.clock.advance(seconds=60 * minutes)
        body = {"email": merchant.email, "password": PASSWORD}
        signed_in = await self.running.world.ask("POST", "/api/v1/auth/signin", body)
        merchant.token = signed_in.data["access_token"]

    async def asked(self, work: Any) -> tuple[Any, set[str], set[str]]:
        """Do some work; return what came of it, and what the primary and the others were asked about."""
        primary = (await self.cluster.wait_for_primary()).name
        port = self.cluster.proxy.ports[primary]
        self.heard.commands.clear()
        result = await work
        asked = [(at == port, of) for at, name, of in self.heard.commands if name not in _UNASKED]
        return (
            result,
            {of for is_primary, of in asked if is_primary},
            {of for is_primary, of in asked if not is_primary},
        )


@contextlib.asynccontextmanager
async def set_of_three(folder: Any) -> AsyncIterator[Cluster]:
    """Start three members behind their gates."""
    cluster = Cluster.prepared(is_tuned=False)
    taken = [port for (port,) in cluster.targets.values()]
    ports = {}
    for name in cluster.targets:
        ports[name] = free_port(other_than=taken)
        taken.append(ports[name])
    gate, cluster.proxy = proxy_program(folder, cluster.targets, ports, seed=1)
    try:
        gate.start()
        await gate.wait_until_healthy()
        await cluster.start()
        yield cluster
    finally:
        await cluster.close()
        await gate.stop()


@pytest.fixture(scope="module")
async def shop(tmp_path_factory, database_name) -> AsyncIterator[Shop]:
    heard = Heard()
    async with set_of_three(tmp_path_factory.mktemp("set")) as cluster:
        patient = f"{cluster.url}&{PLAIN_OPTIONS}"
        async with stepped(patient, database_name, listeners=[heard], reports_from="secondary") as running:
            for _ in range(3):
                payment = (await running.create()).data
                await running.verify(payment, await running.pay(payment))
            while await running.wiring.ledger.seal_next():
                pass
            await _until_all_have(cluster, running)
            yield Shop(running, cluster, heard)


async def _until_all_have(cluster: Cluster, running: Stepped) -> None:
    """Wait until every member has what the primary has."""
    name, wanted = running.wiring.database.name, len(await running.rows("ledger_entries"))
    async with asyncio.timeout(60):
        for member in cluster.members:
            while await _count(member, name) < wanted:
                await asyncio.sleep(0.05)


async def _count(member: Any, name: str) -> int:
    await member.ask("ping")
    read = {"mode": "secondaryPreferred"}
    answer = await member._client[name].command("count", "ledger_entries", **{"$readPreference": read})
    return int(answer["n"])


async def test_an_export_of_what_is_settled_comes_from_a_secondary_and_the_rest_from_the_primary(shop):
    running = shop.running
    await shop.wait(minutes=10)
    recent = (await running.create()).data
    await running.verify(recent, await running.pay(recent))
    answer, primary, others = await shop.asked(running.merchant.ask_as_owner("GET", "/api/v1/ledger/export"))
    lines = answer.body.decode().splitlines()
    entries = {row["_id"] for row in await running.rows("ledger_entries")}
    assert {line.split(",")[0] for line in lines[1:]} == entries
    assert "ledger_entries" in others
    assert "ledger_entries" in primary
    assert others == {"ledger_entries"}


async def test_the_trial_balance_of_a_past_moment_comes_from_a_secondary_and_that_of_now_from_the_primary(shop):
    running = shop.running
    await shop.wait(minutes=10)
    path = "/api/v1/ledger/trial-balance"
    past = quote(to_rfc3339(running.clock.now() - timedelta(seconds=400)))
    answer, _, others = await shop.asked(running.merchant.ask_as_owner("GET", f"{path}?at={past}"))
    assert answer.data["is_balanced"]
    assert answer.data["currencies"], answer.data
    assert others == {"ledger_days", "ledger_entries"}
    just = quote(to_rfc3339(running.clock.now() - timedelta(seconds=5)))
    for address in (path, f"{path}?at={just}", "/api/v1/ledger/accounts"):
        now, primary, others = await shop.asked(running.merchant.ask_as_owner("GET", address))
        assert now.status == 200, now.body
        assert "ledger_entries" in primary
        assert others == set()


async def test_the_overview_comes_from_a_secondary(shop):
    analytics = shop.running.wiring.analytics.analytics
    scope, zone = shop.running.merchant.scope, ZoneInfo("Asia/Kolkata")
    _, primary, others = await shop.asked(analytics.get_overview(scope, days=7, zone=zone))
    assert (primary, others) == (set(), {"analytics_slots"})


async def test_whatever_moves_or_decides_about_money_asks_the_primary_alone(shop):
    running, merchant = shop.running, shop.running.merchant

    async def journey() -> None:
        payment = (await running.create(capture_method="manual", reference="a journey")).data
        paid = await running.pay(payment)
        assert (await running.verify(payment, paid)).status == 200
        assert (await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/capture", key=new_key())).status == 200
        path = f"/api/v1/payments/{payment['id']}/refunds"
        assert (await merchant.ask("POST", path, {"amount": 700}, key=new_key())).status == 201
        for name in ("payments", "refunds", "disputes", "events", "outbox", "audit-log", "invariants", "customers"):
            assert (await merchant.ask_as_owner("GET", f"/api/v1/{name}")).status == 200, name
        assert (await merchant.ask_as_owner("GET", "/api/v1/ledger/chain")).status == 200
        await running.drain(after_delays=True)
        await shop.wait(minutes=60)
        await running.check_after(0)
        wiring = running.wiring
        for work in (wiring.ledger.seal_next, wiring.book_checks.check_next, wiring.recovery.invariants.check_next):
            while await work():
                pass

    _, primary, others = await shop.asked(journey())
    assert {"payments", "refunds", "ledger_entries", "outbox"} <= primary
    assert others == set()


async def test_without_a_secondary_reports_come_from_the_primary(shop):
    running, cluster = shop.running, shop.cluster
    await shop.wait(minutes=10)
    primary = await cluster.wait_for_primary()
    client = running.wiring.database.client
    for member in cluster.members:
        if member is not primary:
            for other in cluster.members:
                await cluster.proxy.impose(member.name, source=other.name)
            await cluster.proxy.impose(member.name, is_cut=True)
    try:
        # The members still reach one another, so there is a majority; only clients reach no secondary any more.
        async with asyncio.timeout(60):
            while await client.secondaries:
                await asyncio.sleep(0.1)
        answer, asked, others = await shop.asked(running.merchant.ask_as_owner("GET", "/api/v1/ledger/export"))
    finally:
        await cluster.heal()
        async with asyncio.timeout(60):
            while len(await client.secondaries) < 2:
                await asyncio.sleep(0.1)
    assert len(answer.body.decode().splitlines()) > 3
    assert "ledger_entries" in asked
    assert others == set()


async def test_what_reports_see_takes_no_transaction(mongodb_url, database_name):
    database = Database.connect(mongodb_url, name=database_name)
    with pytest.raises(WriteThroughReports):
        await database.for_reports().transaction(lambda session: asyncio.sleep(0))
    await database.close()
