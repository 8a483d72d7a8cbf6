"""What must hold when everything has come to rest, and at every commit on the way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.payments.events import returned_by
from app.payments.models import RANK, OrderState, PaymentStatus
from tests.simulation.invariants_money import money_violations
from tests.simulation.violation import Violation, about

if TYPE_CHECKING:
    from tests.simulation.world import World


def violations(world: "World", *, is_over: bool) -> Iterator[Violation]:
    """Yield what does not hold."""
    for defect in (*world.defects, *world.loop.defects):
        yield Violation("I16", f"unhandled: {defect!r}")
    if not is_over:
        yield Violation("I14", "it never came to rest")
    for promise in world.broken_promises:
        yield Violation(*promise.split(": ", 1))
    yield from i1_conservation(world)
    yield from i3_one_order(world)
    yield from i5_monotone(world)
    yield from i13_one_answer(world)
    yield from i14_nothing_stuck(world)
    yield from i15_no_storm(world)
    yield from b20_surplus_went_back(world)
    yield from money_violations(world)
    yield from d2_disputes_go_forward(world)
    yield from world.walks.broken


def i1_conservation(world: "World") -> Iterator[Violation]:
    """I1: captured at the processor is completed here or in suspense, once, and the other way round."""
    payments = world.database.rows("payments").values()
    own = [row["payment_id"] for row in payments if row["status"] == PaymentStatus.COMPLETED.value]
    apart = [row["gateway_payment_id"] for row in world.database.rows("suspense").values()]
    for charge in world.processor.charges.values():
        places = own.count(charge.id) + apart.count(charge.id)
        wanted = int(charge.captured_at is not None)
        if places != wanted:
            yield Violation(
                "I1", f"{charge.id} is in {places} places instead of {wanted}", about(charge.id, charge.order_id)
            )


def i3_one_order(world: "World") -> Iterator[Violation]:
    """I3: one order is shown for a payment, and one exists but for requests that came after we had given them up."""
    for payment_id, orders in world.shown_orders.items():
        stored = world.database.rows("payments")[payment_id]["order_id"]
        if orders != {stored}:
            yield Violation("I3", f"{payment_id} has {stored} and {sorted(orders)} were shown", about(payment_id))
    made: dict[str, list[str]] = {}
    for order in world.processor.orders.values():
        made.setdefault(order.request.notes["payment_id"], []).append(order.id)
    manners = world.processor.manners
    for payment_id, orders in made.items():
        ids = about(payment_id, *orders)
        row = world.database.rows("payments").get(payment_id)
        if row is None:
            yield Violation("I3", f"{orders} belong to no payment", ids)
        elif row["order_state"] == OrderState.REFUSED.value:
            yield Violation("I3", f"{payment_id} was given up and has {orders}", ids)
        is_excused = payment_id in world.account.second_orders or manners.list_lag
        if len(orders) > 1 and not is_excused:
            yield Violation("I3", f"{payment_id} has {orders}", ids)


def i15_no_storm(world: "World") -> Iterator[Violation]:
    """I15: an order is asked for once, and once more for each thing that went wrong."""
    for payment_id, asked in world.account.asked_orders.items():
        if asked > 1 + world.weather.struck:
            yield Violation("I15", f"{payment_id}: {asked} calls, {world.weather.struck} troubles", about(payment_id))


def i5_monotone(world: "World") -> Iterator[Violation]:
    """I5: no commit lowers the rank of a payment."""
    for change in world.database.log:
        if change.collection != "payments" or change.before is None or change.after is None:
            continue
        if RANK[PaymentStatus(change.after["status"])] < RANK[PaymentStatus(change.before["status"])]:
            yield Violation("I5", f"{change.after['_id']} fell", about(change.after["_id"]))


def i13_one_answer(world: "World") -> Iterator[Violation]:
    """I13: whoever repeats a key gets the same bytes."""
    for what, answers in world.answers.items():
        if len(set(answers)) > 1:
            yield Violation("I13", f"{what} was answered {sorted(set(answers))}")


def i14_nothing_stuck(world: "World") -> Iterator[Violation]:
    """I14: no order is unknown, no event waits."""
    for row in world.database.rows("payments").values():
        is_given_up = row["status"] == PaymentStatus.CANCELLED.value
        if row["order_state"] in {OrderState.REQUESTED.value, OrderState.UNKNOWN.value} and not is_given_up:
            yield Violation("I14", f"the order of {row['_id']} is {row['order_state']}", about(row["_id"]))
    for row in world.database.rows("inbox_events").values():
        if row["state"] == "received":
            yield Violation("I14", f"{row['event_id']} waits", about(row["_id"]))
    for row in world.database.rows("outbox").values():
        if row["state"] != "done":
            yield Violation("I14", f"{row['key']} is {row['state']}: {row['reason']}", about(row["subject"]))


def d2_disputes_go_forward(world: "World") -> Iterator[Violation]:
    """D2: no commit takes a dispute back to where it was before, whatever an old list or an old event says."""
    for change in world.database.log:
        before, after = change.before, change.after
        if change.collection != "disputes" or before is None or after is None or before["status"] == after["status"]:
            continue
        past = [status.value for status in world.processor.bank.past[after["gateway_dispute_id"]]]
        if past.index(after["status"]) < past.index(before["status"]):
            what = f"{after['_id']} was {before['status']} and became {after['status']}"
            yield Violation("D2", what, about(after["_id"], after["gateway_dispute_id"]))


def b20_surplus_went_back(world: "World") -> Iterator[Violation]:
    """B20: money that is to go back by itself went back, or a refund of it failed and a human knows."""
    wanted = {reason.value for reason in returned_by(world.settings)}
    tried = {row["suspense_id"] for row in world.database.rows("refunds").values()}
    for row in world.database.rows("suspense").values():
        if row["reason"] in wanted and row["state"] == "open" and row["_id"] not in tried:
            yield Violation("B20", f"{row['_id']} was to go back", about(row["_id"], row["gateway_payment_id"]))
