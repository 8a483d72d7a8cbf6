"""What happens after a crash, and what must be true then, by the processor's own lists and the raw documents."""

from collections import Counter
from typing import Any

from tests.crash.actor import Actor, Step
from tests.crash.link_flows import links_broken
from tests.crash.settlement_flows import settlements_broken

_STEPS_SECONDS = (0, 61, 300, 900, 3600, 6 * 3600, 86_400)
_OPEN = {"created", "authorized"}


async def recover(actor: Actor, act: Step) -> None:
    """Repeat what was begun, then let the worker work through the ladder of its checks."""
    await act(actor)
    for seconds in _STEPS_SECONDS:
        actor.clock.advance(seconds=seconds)
        await actor.work()
    await act(actor)
    await actor.work()


async def violations(actor: Actor) -> list[str]:
    """Return what is not as it must be, each as one sentence that begins with its invariant."""
    return [
        *await _conserved(actor),
        *await _booked(actor),
        *await _refunds(actor),
        *await _told(actor),
        *await _stuck(actor),
        *await links_broken(actor),
        *await settlements_broken(actor),
    ]


async def _rows(actor: Actor, collection: str) -> list[dict[str, Any]]:
    found = actor.wiring.database.collection(collection).find({"tenant": actor.shop.tenant})
    return [document async for document in found]


async def _conserved(actor: Actor) -> list[str]:
    """I1, I3: what the processor captured is one payment's or in suspense, and nothing else is."""
    at_processor = {one["id"]: one["amount"] for one in await actor.at_processor("/payments") if one["captured"]}
    here: Counter[str] = Counter()
    broken = []
    orders = {one["id"] for one in await actor.at_processor("/orders")}
    for payment in await _rows(actor, "payments"):
        if payment["order_id"] is not None and payment["order_id"] not in orders:
            broken.append(f"I3 {payment['_id']} shows an order that does not exist")
        if payment["amount_captured"]:
            here[payment["payment_id"]] += 1
            if at_processor.get(payment["payment_id"]) != payment["amount_captured"]:
                broken.append(f"I1 {payment['_id']} is captured here, not at the processor")
    for row in await _rows(actor, "suspense"):
        here[row["gateway_payment_id"]] += 1
    broken += [
        f"I1 {gateway_id} is captured at the processor and nowhere here" for gateway_id in at_processor.keys() - here
    ]
    broken += [f"I1 {gateway_id} is here {count} times" for gateway_id, count in here.items() if count != 1]
    return broken


async def _booked(actor: Actor) -> list[str]:
    """I2, I4: one balanced entry for each capture, of its amount, and a whole chain."""
    broken = []
    booked: Counter[str] = Counter()
    amounts: dict[str, int] = {}
    for entry in await _rows(actor, "ledger_entries"):
        sides = Counter[str]()
        for leg in entry["legs"]:
            sides[leg["side"]] += int(leg["amount"])
        if sides["debit"] != sides["credit"]:
            broken.append(f"I4 {entry['_id']} does not balance")
        if entry["cause"]["kind"] == "capture":
            booked[entry["cause"]["id"]] += 1
            amounts[entry["cause"]["id"]] = sides["debit"]
    captured = {one["id"]: one["amount"] for one in await actor.at_processor("/payments") if one["captured"]}
    if amounts != captured or any(count != 1 for count in booked.values()):
        broken.append(f"I2 booked {amounts}, captured {captured}")
    return broken


async def _refunds(actor: Actor) -> list[str]:
    """I7 to I10: refunds here are those of the processor, never above the capture, and counted as reserved."""
    broken = []
    at_processor = {one["id"]: one for one in await actor.at_processor("/refunds")}
    refunds = await _rows(actor, "refunds")
    accepted = {row["gateway_refund_id"]: int(row["amount"]) for row in refunds if row.get("gateway_refund_id")}
    if accepted != {name: one["amount"] for name, one in at_processor.items()}:
        broken.append(f"I8 I9 refunds here {accepted}, at the processor {sorted(at_processor)}")
    wanted: Counter[str] = Counter()
    for row in refunds:
        if row["status"] not in {"failed", "cancelled"} and row.get("suspense_id") is None:
            wanted[row["payment_id"]] += int(row["amount"])
    for payment in await _rows(actor, "payments"):
        reserved = int(payment.get("refunds_reserved", 0))
        if reserved != wanted[payment["_id"]]:
            broken.append(f"I10 {payment['_id']} reserves {reserved}, its refunds are {wanted[payment['_id']]}")
        if reserved > int(payment["amount_captured"]):
            broken.append(f"I7 {payment['_id']} gives back {reserved} of {payment['amount_captured']}")
    booked: Counter[str] = Counter()
    for entry in await _rows(actor, "ledger_entries"):
        if entry["cause"]["kind"] == "refund":
            booked[entry["cause"]["id"]] += sum(int(leg["amount"]) for leg in entry["legs"] if leg["side"] == "debit")
    if dict(booked) != accepted:
        broken.append(f"I8 refund entries {dict(booked)}, refunds {accepted}")
    return broken


async def _told(actor: Actor) -> list[str]:
    """I6: every status that a payment, refund or dispute came into has its event, and no event is of another."""
    broken = []
    events = {(row["subject"], row["name"]) for row in await _rows(actor, "outbox") if row["kind"] == "event"}
    for collection, noun in (("payments", "payment"), ("refunds", "refund"), ("disputes", "dispute")):
        for row in await _rows(actor, collection):
            statuses = {entry["status"] for entry in row["history"]} & STATUSES[noun]
            told = {name.partition(".")[2] for subject, name in events if subject == row["_id"]} & STATUSES[noun]
            if statuses != told:
                broken.append(f"I6 {row['_id']} was {sorted(statuses)}, told {sorted(told)}")
    return broken


STATUSES = {
    "payment": {"failed", "expired", "cancelled", "authorized", "completed"},
    "refund": {"pending", "processed", "failed", "cancelled"},
    "dispute": {"under_review", "won", "lost", "closed"},
}


async def _stuck(actor: Actor) -> list[str]:
    """I14: no event waits, no item is parked, no order is unknown, no refund was asked for and never sent."""
    broken = [
        f"I14 event {row['event_id']} is {row['state']}"
        for row in await _rows(actor, "inbox_events")
        if row["state"] == "received"
    ]
    for row in await _rows(actor, "payments"):
        if row["order_state"] in {"requested", "unknown"} and row["status"] != "cancelled":
            broken.append(f"I14 {row['_id']} has an order that is {row['order_state']}")
        if row["status"] == "authorized" and row["capture_method"] == "automatic":
            broken.append(f"I14 {row['_id']} was never captured")
    broken += [
        f"I14 {row['_id']} was never sent" for row in await _rows(actor, "refunds") if row["status"] == "requested"
    ]
    broken += [
        f"I14 {row['name']} {row['subject']} is {row['state']}"
        for row in await _rows(actor, "outbox")
        if row["state"] == "parked"
    ]
    return broken
