"""Every flow of money that a crash is tried in: how it is prepared, and the step in which the process dies."""

import json
from dataclasses import dataclass
from typing import Any

from tests.crash.actor import Actor, Step
from tests.crash.night import let_time_pass

AMOUNT = 50_000


async def _nothing(_actor: Actor) -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow. `act` is repeated by whoever began it after the crash, so it must bear its own repetition."""

    name: str
    act: Step
    prepare: Step = _nothing


def then(*steps: Step) -> Step:
    """Return the steps one after the other."""

    async def run(actor: Actor) -> None:
        for step in steps:
            await step(actor)

    return run


def fault(route: str, mode: str, **more: Any) -> Step:
    """Let the next such call at the processor go wrong, for this merchant."""

    async def plant(actor: Actor) -> None:
        rule = {"route": route, "mode": mode, "times": 1, "key_id": actor.shop.account["key_id"], **more}
        await actor.simulate("POST", "/faults", rule)

    return plant


def created(**fields: Any) -> Step:
    """Create the payment, with the key that a repetition repeats."""

    async def create(actor: Actor) -> None:
        body = {"amount": AMOUNT, "currency": "INR", "reference": "crash-1", **fields}
        status, data = await actor.ask("POST", "/payments", body, key="crash-create")
        if status == 201:
            actor.shop.facts["payment"] = data

    return create


def paid(**how: Any) -> Step:
    """Pay as a customer would."""

    async def pay(actor: Actor) -> None:
        actor.shop.facts["paid"] = await actor.pay(actor.shop.facts["payment"], **how)

    return pay


async def verified(actor: Actor) -> None:
    """Bring the checkout's callback."""
    names = ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")
    callback = {name: actor.shop.facts["paid"][name] for name in names}
    await actor.ask("POST", f"/payments/{actor.shop.facts['payment']['id']}/verify", callback)


def asked(verb: str, body: Any = None) -> Step:
    """Ask for something to be done with the payment."""

    async def ask(actor: Actor) -> None:
        await actor.ask("POST", f"/payments/{actor.shop.facts['payment']['id']}/{verb}", body, key=f"crash-{verb}")

    return ask


def delivered(*names: str) -> Step:
    """Hand over the processor's events."""

    async def deliver(actor: Actor) -> None:
        await actor.deliver(*names)

    return deliver


def worked(*lanes: str, after_seconds: float = 0) -> Step:
    """Let the worker work, some time later."""

    async def work(actor: Actor) -> None:
        actor.clock.advance(seconds=after_seconds)
        await actor.work(*lanes)

    return work


def refunded(amount: int | None = None, **more: Any) -> Step:
    """Refund the payment, with the key that a repetition repeats."""

    async def refund(actor: Actor) -> None:
        body = more if amount is None else {"amount": amount, **more}
        path = f"/payments/{actor.shop.facts['payment']['id']}/refunds"
        status, data = await actor.ask("POST", path, body, key=f"crash-refund-{amount}")
        if status == 201:
            actor.shop.facts["refund"] = data

    return refund


def policy(**how: Any) -> Step:
    """Say how the account's refunds go."""

    async def set_policy(actor: Actor) -> None:
        await actor.simulate("PUT", "/accounts/refunds", {"key_id": actor.shop.account["key_id"], **how})

    return set_policy


def refund_ended(end: str) -> Step:
    """Let the bank process or fail what is pending."""

    async def finish(actor: Actor) -> None:
        for one in await actor.at_processor("/refunds"):
            if one["status"] == "pending":
                await actor.simulate("POST", f"/refunds/{one['id']}/{end}", {})

    return finish


def _paid_at_processor(actor: Actor) -> str:
    paid: str = actor.shop.facts["paid"]["razorpay_payment_id"]
    return paid


async def refunded_elsewhere(actor: Actor) -> None:
    """Refund a part in the processor's own dashboard."""
    await actor.simulate("POST", f"/payments/{_paid_at_processor(actor)}/refund", {"amount": 700})


async def cancelled_refund(actor: Actor) -> None:
    """Give the refund up."""
    refund = actor.shop.facts.get("refund")
    if refund is not None:
        await actor.ask("POST", f"/refunds/{refund['id']}/cancel", key="crash-cancel-refund")


async def placed(actor: Actor) -> None:
    """Let the owner place the money in suspense."""
    status, page = await actor.ask("GET", "/suspense")
    assert status == 200, page
    for entry in page["items"]:
        path = f"/suspense/{entry['id']}/place"
        await actor.ask(
            "POST", path, {"reason": "The customer called."}, key="crash-place", bearer=actor.shop.facts["owner"]
        )


async def disputed(actor: Actor) -> None:
    """Let a bank dispute the payment."""
    found = await actor.simulate("POST", f"/payments/{_paid_at_processor(actor)}/dispute", {})
    actor.shop.facts["disputed"] = found["id"]


def decided(decision: str) -> Step:
    """Let the bank decide."""

    async def decide(actor: Actor) -> None:
        await actor.simulate("POST", f"/disputes/{actor.shop.facts['disputed']}/{decision}", {})

    return decide


def answered(verb: str, body: Any = None) -> Step:
    """Answer every open dispute."""

    async def answer(actor: Actor) -> None:
        _, page = await actor.ask("GET", "/disputes")
        for dispute in page["items"]:
            await actor.ask("POST", f"/disputes/{dispute['id']}/{verb}", body, key=f"crash-{verb}")

    return answer


async def forgotten_events(actor: Actor) -> None:
    """Forget that the processor's events came, so that they come again."""
    await actor.wiring.database.collection("inbox_events").delete_many({})


async def _event(actor: Actor, body: dict[str, Any]) -> None:
    """Receive an event that the processor's account never announced."""
    await actor.receive(json.dumps(body).encode(), event_id="crash-event")


async def foreign_event(actor: Actor) -> None:
    """Receive an event of something that is not ours."""
    account = actor.shop.account["account_id"]
    await _event(actor, {"entity": "event", "event": "settlement.processed", "account_id": account, "payload": {}})


async def poison_event(actor: Actor) -> None:
    """Receive an event that nobody can read, at its last try."""
    await actor.receive(b"no JSON", event_id="crash-event")
    await actor.wiring.database.collection("inbox_events").update_many({}, {"$set": {"attempts": 7}})


async def from_before_the_ledger(actor: Actor) -> None:
    """Make the payment what a version without a ledger would have left."""
    for name in ("ledger_entries", "ledger_books", "ledger_days", "ledger_checks"):
        await actor.wiring.database.collection(name).delete_many({})
    later = {"refunds_reserved": "", "dispute_state": ""}
    await actor.wiring.database.collection("payments").update_many({}, {"$unset": later})


async def migrated(actor: Actor) -> None:
    """Start with this version: what is stored is brought up to date."""
    for migration in actor.wiring.migrations:
        await migration.run(actor.wiring.database)


async def time_passed(actor: Actor) -> None:
    """Let every delay of the outbox be over."""
    await let_time_pass(actor.wiring.database)


_MANUAL = then(created(capture_method="manual"), paid(), verified)
_CAPTURED = then(created(), paid(), verified)
_LATE = then(created(), asked("cancel"), paid())
_PENDING = then(policy(refund_seconds=10**6), _CAPTURED, refunded(20_000))
_REFUND = "POST /v1/payments/{id}/refund"
_DISPUTED = then(_CAPTURED, disputed, delivered("payment.dispute.created"))
_CONTEST = {"summary": "It was delivered.", "documents": {}, "submit": False}
_CREATION = (
    Flow("create", created()),
    Flow("create, answer lost", created(), fault("POST /v1/orders", "reset_after")),
    Flow("create, never processed", created(), fault("POST /v1/orders", "error_before")),
    Flow("create, resumed by its key", created(), then(fault("POST /v1/orders", "error_before"), created())),
    Flow(
        "create, resumed by the worker",
        worked("payment_checks", after_seconds=61),
        then(fault("POST /v1/orders", "error_before"), created()),
    ),
    Flow("create, refused", created(), fault("POST /v1/orders", "error_before", status=400)),
    Flow("cancel", asked("cancel"), created()),
    Flow("expiry", worked("payment_checks", after_seconds=2 * 86_400), created()),
)
_OUTCOMES = (
    Flow("callback", verified, then(created(), paid())),
    Flow("capture", asked("capture"), _MANUAL),
    Flow(
        "capture, answer lost", asked("capture"), then(_MANUAL, fault("POST /v1/payments/{id}/capture", "reset_after"))
    ),
    Flow("event received", delivered("payment.captured"), then(created(), paid())),
    Flow("event applied", worked("inbox"), then(created(), paid(), delivered("payment.captured"))),
    Flow(
        "every event applied",
        worked("inbox"),
        then(created(), paid(), delivered("payment.authorized", "payment.captured", "order.paid")),
    ),
    Flow("failure applied", worked("inbox"), then(created(), paid(outcome="failure"), delivered("payment.failed"))),
    Flow("event of nobody's payment", worked("inbox"), then(created(), foreign_event)),
    Flow("poison parked", worked("inbox"), then(created(), poison_event)),
    Flow("found by the check", worked("payment_checks", after_seconds=61), then(created(), paid())),
    Flow("money after a cancel", worked("inbox"), then(_LATE, delivered("payment.captured"))),
    Flow(
        "two payments on one order", worked("inbox"), then(created(), paid(double=True), delivered("payment.captured"))
    ),
    Flow("sealed", worked("ledger_seals"), _CAPTURED),
    Flow("told", worked("outbox"), _CAPTURED),
    Flow("booked by the migration", migrated, then(_CAPTURED, worked("outbox"), from_before_the_ledger)),
)
_MONEY_BACK = (
    Flow("refund", refunded(), _CAPTURED),
    Flow("refund, part", refunded(20_000), _CAPTURED),
    Flow("refund, pending", refunded(), then(policy(refund_seconds=10**6), _CAPTURED)),
    Flow("refund, answer lost", refunded(), then(_CAPTURED, fault(_REFUND, "reset_after"))),
    Flow("refund, never processed", refunded(), then(_CAPTURED, fault(_REFUND, "error_before"))),
    Flow("refund, refused", refunded(), then(_CAPTURED, policy(refund_balance=0))),
    Flow("refund repeated after a lost answer", refunded(), then(_CAPTURED, fault(_REFUND, "reset_after"), refunded())),
    Flow(
        "refund sent by the worker",
        worked("outbox"),
        then(_CAPTURED, fault(_REFUND, "error_before"), refunded(), time_passed),
    ),
    Flow("refund cancelled", cancelled_refund, then(_CAPTURED, fault(_REFUND, "rate_limit"), refunded())),
    Flow("refund processed", worked("inbox"), then(_PENDING, refund_ended("process"), delivered("refund.processed"))),
    Flow("refund failed days later", worked("inbox"), then(_PENDING, refund_ended("fail"), delivered("refund.failed"))),
    Flow("refund told again", worked("inbox"), then(_CAPTURED, refunded(), delivered("refund.processed"))),
    Flow(
        "refund found by the check",
        worked("refund_checks", after_seconds=61),
        then(_PENDING, refund_ended("process")),
    ),
    Flow(
        "refund from the dashboard, by its event",
        worked("inbox"),
        then(_CAPTURED, refunded_elsewhere, delivered("refund.created")),
    ),
    Flow(
        "refund from the dashboard, by the check",
        then(worked("payment_checks", after_seconds=86_401), worked("outbox")),
        then(_CAPTURED, refunded_elsewhere),
    ),
    Flow(
        "surplus returned",
        worked("outbox"),
        then(created(), paid(double=True), delivered("payment.captured"), worked("inbox")),
    ),
    Flow(
        "suspense placed", placed, then(policy(refund_balance=0), _LATE, delivered("payment.captured"), worked("inbox"))
    ),
)
_DISPUTES = (
    Flow("dispute opened", worked("inbox"), _DISPUTED),
    Flow(
        "dispute lost",
        worked("inbox"),
        then(_DISPUTED, worked("inbox"), decided("lose"), delivered("payment.dispute.lost")),
    ),
    Flow(
        "dispute told again",
        worked("inbox"),
        then(
            _CAPTURED,
            disputed,
            delivered("payment.dispute.created"),
            worked("inbox"),
            forgotten_events,
            delivered("payment.dispute.created"),
        ),
    ),
    Flow(
        "dispute found by the look",
        worked("dispute_checks", after_seconds=86_401),
        then(_DISPUTED, worked("inbox"), decided("lose")),
    ),
    Flow("dispute accepted", answered("accept"), then(_DISPUTED, worked("inbox"))),
    Flow(
        "dispute accepted, answer lost",
        answered("accept"),
        then(_DISPUTED, worked("inbox"), fault("POST /v1/disputes/{id}/accept", "reset_after")),
    ),
    Flow("dispute contested", answered("contest", _CONTEST), then(_DISPUTED, worked("inbox"))),
    Flow("everything found by the sweeps", worked("enrolment", "sweeps", after_seconds=3601), _LATE),
)
FLOWS: tuple[Flow, ...] = (*_CREATION, *_OUTCOMES, *_MONEY_BACK, *_DISPUTES)
"""The flows; each begins in a shop of its own."""
