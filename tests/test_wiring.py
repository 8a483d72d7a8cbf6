"""The wiring: everything joined once, nothing connected early, settings that arrive where they matter."""

import dataclasses
from datetime import timedelta

import pytest

from app.config import Settings
from app.kit.clock import MovableClock, SystemClock
from app.kit.ids import RandomIds
from app.kit.scope import Mode, Scope
from app.outbox.models import Lane, job
from app.tenants.service import ProcessorNotConfigured
from app.wiring import COLLECTIONS, wire


def settings_of(mongodb_url="mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100", **given):
    return Settings(_env_file=None, environment="test", mongodb_url=mongodb_url, bcrypt_rounds=4, **given)


@pytest.fixture
async def wiring(mongodb_url, database_name):
    """A started wiring on a clock that stands still."""
    clock = MovableClock(SystemClock().now())
    joined = wire(settings_of(mongodb_url, database_name=f"{database_name}-wiring"), clock=clock)
    await joined.start()
    yield joined
    await joined.database.client.drop_database(joined.settings.database_name)
    await joined.close()


async def test_building_it_connects_to_nothing():
    joined = wire(settings_of())
    await joined.close()


async def test_everything_shares_the_clock_and_the_ids_it_was_given():
    clock = MovableClock()
    ids = RandomIds(clock)
    joined = wire(settings_of(), clock=clock, ids=ids)
    try:
        for field in dataclasses.fields(joined):
            service = getattr(joined, field.name)
            for name, given in (("clock", clock), ("ids", ids)):
                assert getattr(service, name, given) is given, f"{field.name}.{name}"
    finally:
        await joined.close()


@pytest.mark.parametrize(("scheme", "start"), [("bcrypt", "$2b$04$"), ("argon2id", "$argon2id$")])
async def test_s10_the_setting_picks_the_password_scheme(scheme, start):
    joined = wire(settings_of(password_scheme=scheme))
    try:
        assert joined.passwords.is_bcrypt == (scheme == "bcrypt")
        assert (await joined.passwords.hash("correct horse battery")).startswith(start)
    finally:
        await joined.close()


async def test_a_new_secret_key_opens_what_the_previous_one_sealed_and_signed():
    old_key, new_key = "k" * 20 + "0123456789abcdefghij", "n" * 20 + "9876543210zyxwvutsrq"
    old = wire(settings_of(secret_key=old_key))
    new = wire(settings_of(secret_key=new_key, secret_key_previous=old_key))
    try:
        sealed = old.merchants.vault.seal("a secret", purpose="x")
        assert new.merchants.vault.open(sealed, purpose="x") == "a secret"
        token = old.guard.tokens.issue_access(user_id="u", tenant="t", role="owner", session_id="s")
        assert new.guard.tokens.read_access(token).user_id == "u"
    finally:
        await old.close()
        await new.close()


async def test_it_starts_twice_on_one_database_with_every_collection(wiring):
    await wiring.start()
    names = set(await wiring.database.db.list_collection_names())
    assert {collection.name for collection in COLLECTIONS} <= names
    assert len({collection.name for collection in COLLECTIONS}) == len(COLLECTIONS)


async def test_a_merchant_without_an_account_gets_the_deployments_in_its_mode_only(wiring):
    gateways = wiring.payments.gateways
    given = wiring.settings.default_mode
    other = next(mode for mode in Mode if mode is not given)
    lent = await gateways.of(Scope("mer_nobody", given))
    assert lent is not None
    with pytest.raises(ProcessorNotConfigured):
        await gateways.of(Scope("mer_nobody", other))


async def test_what_is_measured_on_demand_follows_the_facts(wiring):
    metrics, clock = wiring.metrics, wiring.clock
    for sample in wiring.health.samplers:
        await sample()
    assert metrics.worker_heartbeat_age_seconds._value.get() == float("inf")
    assert metrics.inbox_depth._value.get() == metrics.inbox_age_seconds._value.get() == 0
    assert metrics.outbox.waiting.labels("payments")._value.get() == 0
    work = [job("refund.send", f"ref_{number}") for number in range(3)]
    scope = Scope("mer_nobody", wiring.settings.default_mode)
    await wiring.database.transaction(lambda session: wiring.outbox.add(scope, work, session=session))
    await wiring.heartbeats.record("worker")
    clock.moment = await wiring.heartbeats.find_newest("worker") + timedelta(seconds=42)
    for sample in wiring.health.samplers:
        await sample()
    assert metrics.worker_heartbeat_age_seconds._value.get() == 42
    assert metrics.outbox.waiting.labels("payments")._value.get() == 3
    assert 42 <= metrics.outbox.oldest_seconds.labels("payments")._value.get() < 60
    assert metrics.outbox.oldest_seconds.labels("bulk")._value.get() == 0
    assert metrics.breaker_open.labels(wiring.settings.processor_url)._value.get() == 0


async def test_what_nobody_knows_is_measured_with_its_age(wiring):
    metrics, clock, scope = wiring.metrics, wiring.clock, Scope("mer_nobody", wiring.settings.default_mode)
    row = {"tenant": scope.tenant, "mode": scope.mode.value, "created_at": clock.now()}
    payments, refunds = wiring.database.collection("payments"), wiring.database.collection("refunds")
    await payments.insert_many(
        [
            {**row, "_id": "pmt_1", "order_state": "unknown", "status": "pending"},
            {**row, "_id": "pmt_2", "order_state": "unknown", "status": "cancelled"},
            {**row, "_id": "pmt_3", "order_state": "ready", "status": "pending"},
        ]
    )
    await refunds.insert_one({**row, "_id": "ref_1", "status": "requested"})
    clock.advance(seconds=42)
    for sample in wiring.health.samplers:
        await sample()
    for of in ("payments", "refunds"):
        assert metrics.unknown.outcomes.labels(of)._value.get() == 1
        assert metrics.unknown.oldest_seconds.labels(of)._value.get() == 42


async def test_the_disk_under_the_database_is_measured(wiring):
    for sample in wiring.health.samplers:
        await sample()
    reach = wiring.metrics.reach
    assert 0 < reach.disk_used_bytes._value.get() <= reach.disk_size_bytes._value.get()


@pytest.mark.parametrize("url", ["amqp://user:hush@127.0.0.1:9/", "redis://:hush@127.0.0.1:9/0"])
async def test_the_setting_picks_the_broker_and_nothing_connects_to_it_yet(url):
    joined = wire(settings_of(queue_url=url))
    try:
        assert joined.drain.dispatcher.runner is joined.drain.runner
        assert "hush" not in repr(joined.drain)
    finally:
        await joined.close()


async def test_the_outbox_runs_with_the_handlers_of_the_rooms_and_counts(wiring):
    scope = Scope("mer_nobody", wiring.settings.default_mode)
    work = [job("nobody.handles_this", "x_1")]
    await wiring.database.transaction(lambda session: wiring.outbox.add(scope, work, session=session))
    while await wiring.drain.runner.run_next(Lane.PAYMENTS):
        pass
    assert wiring.metrics.outbox.items.labels("nobody.handles_this", "parked")._value.get() == 1
    assert await wiring.leases.hold("a_schedule", 30)
