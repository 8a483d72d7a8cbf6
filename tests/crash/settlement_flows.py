"""The flows of settlements: what the bank got is booked once and compared, whenever the process dies."""

from collections import Counter

from app.settlements.events import RECONCILE
from tests.crash.actor import Actor
from tests.crash.flows import (
    Flow,
    created,
    delivered,
    forgotten_events,
    paid,
    refunded,
    then,
    time_passed,
    verified,
    worked,
)

_A_DAY_SECONDS = 86_401


async def settled(actor: Actor) -> None:
    """Let the processor settle what waits."""
    made = await actor.simulate("POST", "/settlements", {"key_id": actor.shop.account["key_id"]})
    actor.shop.facts["settlement"] = made["id"]


async def returned(actor: Actor) -> None:
    """Let the bank send the settlement back."""
    await actor.simulate("POST", f"/settlements/{actor.shop.facts['settlement']}/fail", {})


async def compared_again(actor: Actor) -> None:
    """Ask for the comparison, as a person would."""
    _, page = await actor.ask("GET", "/settlements")
    for settlement in page["items"]:
        await actor.ask("POST", f"/settlements/{settlement['id']}/reconcile", key="crash-reconcile")
    await time_passed(actor)
    await actor.work("outbox")


_SETTLED = then(created(), paid(), verified, refunded(700, speed="optimum"), settled)
_TOLD = then(_SETTLED, delivered("settlement.processed"))
_BY_SWEEP = worked("enrolment", "sweeps", after_seconds=_A_DAY_SECONDS)
SETTLEMENT_FLOWS = (
    Flow("settlement told", worked("inbox"), _TOLD),
    Flow(
        "settlement told again",
        worked("inbox"),
        then(_TOLD, worked("inbox"), forgotten_events, delivered("settlement.processed")),
    ),
    Flow("settlement compared", worked("outbox"), then(_TOLD, worked("inbox"), time_passed)),
    Flow("settlement compared again", compared_again, then(_TOLD, worked("inbox"))),
    Flow("settlement found by the sweep", _BY_SWEEP, _SETTLED),
    Flow("settlement returned by the bank", _BY_SWEEP, then(_TOLD, worked("inbox"), returned)),
)


async def settlements_broken(actor: Actor) -> list[str]:
    """Return the settlements that are not here as they are at the processor, or are booked otherwise."""
    wanted: Counter[str] = Counter()
    statuses = {}
    for one in await actor.at_processor("/settlements"):
        statuses[one["id"]] = one["status"]
        wanted[one["id"]] += one["amount"]
    rows = actor.wiring.database.collection("settlements").find({"tenant": actor.shop.tenant})
    jobs = actor.wiring.database.collection("outbox").find({"tenant": actor.shop.tenant, "state": "waiting"})
    waiting = {job["subject"] async for job in jobs if job["name"] == RECONCILE}
    here = {row["gateway_settlement_id"]: row async for row in rows}
    broken = [f"I1 {name} was settled and is not here" for name in statuses.keys() - here.keys()]
    for name, row in here.items():
        if row["status"] != statuses[name]:
            broken.append(f"I5 {name} is {row['status']} here and {statuses[name]} there")
        if row["status"] == "processed" and row["agreement"] != "agreed" and row["_id"] not in waiting:
            broken.append(f"I14 {name} is {row['agreement']}, and nobody compares it")
    broken += await _fees_broken(actor)
    return broken + [
        f"I2 {name} is booked as {amount}"
        for name, amount in (await _booked(actor)).items()
        if amount != (wanted[name] if statuses.get(name) == "processed" else 0)
    ]


async def _fees_broken(actor: Actor) -> list[str]:
    """Return the refunds whose line tells a fee that is not booked."""
    database = actor.wiring.database
    query = {"tenant": actor.shop.tenant, "kind": "refund", "fee": {"$gt": 0}}
    told = {line["entity_id"]: line["fee"] async for line in database.collection("settlement_lines").find(query)}
    fees = database.collection("ledger_entries").find({"tenant": actor.shop.tenant, "cause.kind": "fee"})
    booked = {entry["cause"]["id"]: entry["legs"][-1]["amount"] async for entry in fees}
    return [
        f"I2 the fee of {name} is {fee}, booked is {booked.get(name)}"
        for name, fee in told.items()
        if booked.get(name) != fee
    ]


async def _booked(actor: Actor) -> Counter[str]:
    """Return what each settlement brought to the bank, by the books."""
    booked: Counter[str] = Counter()
    query = {"tenant": actor.shop.tenant, "cause.kind": "settlement"}
    async for entry in actor.wiring.database.collection("ledger_entries").find(query):
        name = entry["cause"]["id"].partition("/")[0]
        for leg in entry["legs"]:
            if leg["account"] == "bank":
                booked[name] += int(leg["amount"]) if leg["side"] == "debit" else -int(leg["amount"])
    return booked
