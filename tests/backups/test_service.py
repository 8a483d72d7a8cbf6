"""A backup brought back: every invariant holds, and what the processor knows beyond it is found (G12)."""

import secrets

import pytest

from app.backups.restoring import RestoreRefused
from app.backups.service import How
from app.wiring import wire
from tests.backups.drill import compared, drill, fill, real_payments, wired
from tests.stepped import AMOUNT


@pytest.fixture
def elsewhere(mongodb_url, database_name):
    return {"url": mongodb_url, "name": f"{database_name}-{secrets.token_hex(4)}"}


async def brought_back(shop, folder, **how):
    """Restore into the shop's own database, and return the verdict."""
    wiring = shop.wiring
    how = How(replace=True, **how)
    return await wiring.backups.restore_backup(folder, how=how, start=wiring.start, say=lambda line: None)


async def swept(shop):
    """Read every page of the processor's lists that is due."""
    while await shop.wiring.recovery.sweeps.sweep_next():
        pass


async def checked(shop):
    wiring = shop.wiring
    return await wiring.backups.checks.look(known_until=wiring.clock.now(), say=lambda line: None)


async def test_g12_a_restored_backup_holds_every_invariant(shop, tmp_path, elsewhere):
    said = []
    done = await drill(shop, **elsewhere, count=2000, folder=tmp_path, say=said.append)
    assert not done.verdict.flaws
    assert done.differing == ()
    assert done.balances_after == done.balances_before
    assert done.balances_after
    assert done.passed
    assert done.payments >= 2007
    assert any(line.startswith("payments (I1, I7, I10, I14): 200") for line in said)


async def test_g12_money_taken_after_the_backup_is_found_at_the_processor(shop, tmp_path, quiet):
    known = (await shop.create()).data
    backups = shop.wiring.backups
    written = await backups.create_backup(tmp_path, keep=None, say=quiet)
    later = (await shop.create(reference="made after the backup")).data
    for payment in (known, later):
        paid = await shop.pay(payment)
        assert (await shop.verify(payment, paid)).data["status"] == "completed"
    before = await shop.wiring.ledger.get_balances(shop.merchant.scope)
    shop.clock.advance(seconds=60)
    assert (await brought_back(shop, written.folder)).holds
    assert (await shop.stored(known["id"])).status == "pending"
    assert (await shop.merchant.ask("GET", f"/api/v1/payments/{later['id']}")).status == 404
    assert not await shop.wiring.ledger.get_balances(shop.merchant.scope)

    await swept(shop)

    for payment in (known, later):
        stored = await shop.stored(payment["id"])
        assert (stored.status, stored.amount_captured, stored.order_id) == ("completed", AMOUNT, payment["order_id"])
    assert (await shop.stored(later["id"])).history[0].event == "payment.adopted"
    assert await shop.wiring.ledger.get_balances(shop.merchant.scope) == before
    assert (await checked(shop)).holds


async def test_g12_a_customer_who_pays_an_order_of_the_lost_time_is_heard_of(shop, tmp_path, quiet):
    written = await shop.wiring.backups.create_backup(tmp_path, keep=None, say=quiet)
    later = (await shop.create()).data
    await brought_back(shop, written.folder)
    paid = await shop.pay(later)
    traced = await shop.wiring.outcomes.trace_order(shop.merchant.scope, later["order_id"])
    again = await shop.wiring.outcomes.trace_order(shop.merchant.scope, later["order_id"])
    assert traced == again
    assert traced.id == later["id"]
    assert await shop.check_after(0) == 1
    stored = await shop.stored(later["id"])
    assert (stored.status, stored.primary.id) == ("completed", paid["razorpay_payment_id"])


async def test_b19_i15_an_order_of_another_merchant_on_the_same_account_is_not_taken_over(shop):
    theirs = {"payment_id": "pmt_01M847BZ7DPRNPQ6YW50C0P4JC", "merchant_id": "mer_01M847BZ7DPRNPQ6YW50C0P4JC"}
    body = {"amount": 100, "currency": "INR", "receipt": theirs["payment_id"], "notes": theirs}
    order = await shop.at_processor("POST", "/v1/orders", body)
    assert await shop.wiring.outcomes.trace_order(shop.merchant.scope, order["id"]) is None


async def test_g12_a_refund_made_after_the_backup_is_counted_again(shop, tmp_path, quiet):
    payment = (await shop.create()).data
    paid = await shop.pay(payment)
    await shop.verify(payment, paid)
    written = await shop.wiring.backups.create_backup(tmp_path, keep=None, say=quiet)
    path = f"/_sim/payments/{paid['razorpay_payment_id']}/refund"
    assert (await shop.world.simulate("POST", path, {"amount": 700})).status == 200
    shop.clock.advance(seconds=60)
    await brought_back(shop, written.folder)
    await swept(shop)
    assert (await shop.stored(payment["id"])).amount_refunded == 700
    assert (await checked(shop)).holds


async def test_g12_what_waited_at_the_backup_is_not_stuck_for_the_time_since(shop, tmp_path, quiet):
    payment = (await shop.create()).data
    await shop.verify(payment, await shop.pay(payment))
    written = await shop.wiring.backups.create_backup(tmp_path, keep=None, say=quiet)
    shop.clock.advance(seconds=86_400)
    assert (await brought_back(shop, written.folder)).holds


async def test_g12_flaws_that_were_saved_are_named(shop, tmp_path, quiet):
    await real_payments(shop)
    await fill(shop, 20)
    entries = shop.wiring.database.collection("ledger_entries")
    lost = await entries.find_one_and_delete({"cause.kind": "capture", "seal.sequence": {"$gt": 0}})
    written = await shop.wiring.backups.create_backup(tmp_path, keep=None, say=quiet)
    verdict = await brought_back(shop, written.folder)
    assert not verdict.holds
    found = {(flaw.looked_at, flaw.fact) for flaw in verdict.flaws}
    assert ("books", "entry_missing") in found
    assert any(what == "payments" and fact == "I1 captured_not_booked" for what, fact in found), lost


async def test_g12_another_secret_key_is_refused_before_anything_is_written(shop, tmp_path, quiet, elsewhere):
    written = await shop.wiring.backups.create_backup(tmp_path, keep=None, say=quiet)
    changed = {"secret_key": type(shop.wiring.settings.secret_key)("another key of at least thirty-two letters")}
    settings = shop.wiring.settings.model_copy(
        update={"mongodb_url": elsewhere["url"], "database_name": elsewhere["name"], **changed}
    )
    other, said = wire(settings), []
    try:
        with pytest.raises(RestoreRefused, match="another SECRET_KEY"):
            await other.backups.restore_backup(written.folder, how=How(), start=other.start, say=said.append)
        assert await other.database.db.list_collection_names() == []
        verdict = await other.backups.restore_backup(
            written.folder, how=How(any_key=True), start=other.start, say=said.append
        )
        assert {flaw.looked_at for flaw in verdict.flaws} == {"sealed secrets"}
        assert any("another SECRET_KEY" in line for line in said)
    finally:
        await other.database.client.drop_database(elsewhere["name"])
        await other.close()


async def test_g12_a_database_that_holds_something_is_left_alone(shop, tmp_path, quiet):
    written = await shop.wiring.backups.create_backup(tmp_path, keep=None, say=quiet)
    wiring = shop.wiring
    with pytest.raises(RestoreRefused, match="is not empty"):
        await wiring.backups.restore_backup(written.folder, how=How(), start=wiring.start, say=quiet)


async def test_g12_a_database_that_was_only_started_is_empty(shop, tmp_path, quiet, elsewhere):
    written = await shop.wiring.backups.create_backup(tmp_path, keep=None, say=quiet)
    async with wired(shop.wiring, **elsewhere) as other:
        await other.start()
        await other.heartbeats.record("worker")
        verdict = await other.backups.restore_backup(tmp_path, how=How(), start=other.start, say=quiet)
        assert verdict.holds
        assert await compared(shop.wiring.database, other.database) == []
        assert written.manifest.documents > 0


async def test_everybody_signs_in_again_when_sessions_are_ended(shop, tmp_path, quiet):
    written = await shop.wiring.backups.create_backup(tmp_path, keep=None, say=quiet)
    assert await shop.rows("sessions")
    await brought_back(shop, written.folder, end_sessions=True)
    assert await shop.rows("sessions") == []
    assert (await shop.merchant.ask("GET", "/api/v1/payments")).status == 200


async def test_only_the_newest_backups_are_kept(shop, tmp_path, quiet):
    said = []
    backups, folders = shop.wiring.backups, []
    for _ in range(3):
        shop.clock.advance(seconds=1)
        folders.append((await backups.create_backup(tmp_path, keep=2, say=said.append)).folder)
    assert sorted(tmp_path.iterdir()) == folders[1:]
    assert f"{folders[0]}: removed" in said
