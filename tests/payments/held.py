"""Money that arrives and is no payment's."""

from dataclasses import replace
from typing import Any

from app.gateways.port import AttemptStatus
from app.payments.models import Source
from tests.payments.samples import snapshot
from tests.stepped import Stepped


async def hold(shop: Stepped, reason: str) -> tuple[dict[str, Any], list[str]]:
    """Let money arrive that is no payment's, for this reason; return the entry and the jobs about it."""
    payment = (await shop.create()).data
    said = snapshot(AttemptStatus.CAPTURED, order_id=payment["order_id"])
    scope, learn = shop.merchant.scope, shop.wiring.outcomes.record_evidence
    match reason:
        case "second_payment":
            await learn(scope, replace(said, id="pay_First"), source=Source.POLL)
        case "paid_after_cancel":
            await shop.change(payment["id"], status="cancelled")
        case "paid_after_expiry":
            await shop.change(payment["id"], status="expired")
        case "amount_mismatch":
            said = replace(said, amount=replace(said.amount, minor=7))
        case _:
            said = replace(said, order_id="order_Orphan000000001")
    await learn(scope, said, source=Source.POLL, payment_id=payment["id"])
    (held,) = await shop.suspense()
    jobs = [row["name"] for row in await shop.rows("outbox") if row["kind"] == "job" and row["subject"] == held["id"]]
    return held, jobs
