"""The invariants I1 to I16 as questions to the evidence; each answers with what contradicts it.

A check whose part of the product or whose source does not exist yet is listed as not run; it never counts as passed.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.kit.errors import Kind, catalogue
from tests.chaos.check_books import BOOK_CHECKS
from tests.chaos.evidence import EVENTS, REFUNDS, Evidence, repeated
from tests.chaos.history import Operation, Type
from tests.chaos.settlements import SETTLEMENT_CHECKS
from tests.chaos.violations import Check, Violation

_RANK = {
    status: rank
    for rank, status in enumerate(
        ("pending", "failed", "expired", "cancelled", "authorized", "completed", "partially_refunded", "refunded")
    )
}
_OPEN_ORDERS = {"requested", "unknown"}
_CREATES = {"create", "replay", "retry"}
_SHOWING = {"read", "verify", "capture", "cancel"}
_CALLS_PER_OPERATION = {"create": 1, "replay": 1, "verify": 1, "capture": 1, "refund": 1, "retry": 1}
_NO_HANDLER = "no_handler"
_STORM_FACTOR = 1.2
_RETRY_BUDGET = 1.1


def i1_conservation(evidence: Evidence) -> Iterator[Violation]:
    """Captured at the processor is exactly one completed payment or one suspense entry here, and the reverse."""
    places: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
    for payment in evidence.payments:
        for attempt in payment["attempts"]:
            if attempt["part"] == "primary" and attempt["captured"]:
                places[attempt["id"]].append((payment["_id"], payment["amount_captured"], payment["tenant"]))
    for row in evidence.collection("suspense"):
        places[row["gateway_payment_id"]].append((row["_id"], row["amount"], row["tenant"]))
    captured = evidence.journal.captured
    for gateway_id, fact in captured.items():
        found = places.get(gateway_id, [])
        wanted = (fact["amount"], evidence.accounts.get(fact["account"]))
        if len(found) != 1:
            yield Violation(
                "I1", f"{gateway_id} was captured and is in {len(found)} places", (gateway_id, fact["order"])
            )
        elif (found[0][1], found[0][2]) != wanted:
            yield Violation("I1", f"{gateway_id} was captured as {wanted}, is here as {found[0]}", (gateway_id,))
    for gateway_id, found in places.items():
        if gateway_id not in captured:
            yield Violation("I1", f"{gateway_id} counts as captured here and never was", (gateway_id, found[0][0]))


def i3_one_order(evidence: Evidence) -> Iterator[Violation]:
    """At most one order id is ever shown for a payment, and it is the stored one, made for it."""
    shown: dict[str, set[str]] = defaultdict(set)
    for operation in evidence.history:
        if (order := operation.answer.get("order_id")) and operation.type is Type.OK:
            shown[operation.answer["id"]].add(order)
    receipts = {fact["order"]: fact["receipt"] for fact in evidence.journal.of("order.created")}
    for payment in evidence.payments:
        orders = shown.pop(payment["_id"], set()) | ({payment["order_id"]} if payment["order_id"] else set())
        if len(orders) > 1:
            yield Violation("I3", f"{payment['_id']} had the orders {sorted(orders)}", (payment["_id"], *orders))
        for order in orders:
            if receipts.get(order) != payment["_id"]:
                yield Violation("I3", f"order {order} of {payment['_id']} was made for {receipts.get(order)}", (order,))


def i5_only_forward(evidence: Evidence) -> Iterator[Violation]:
    """No payment's rank ever falls: in its history, and as clients saw it one after the other."""
    for payment in evidence.payments:
        ranks = [_RANK[entry["status"]] for entry in payment["history"]]
        if ranks != sorted(ranks):
            yield Violation("I5", f"the history of {payment['_id']} goes back: {ranks}", (payment["_id"],))
    seen: dict[str, list[Operation]] = defaultdict(list)
    for operation in evidence.history:
        if operation.type is Type.OK and operation.f in _SHOWING:
            seen[operation.answer["id"]].append(operation)
    for payment_id, operations in seen.items():
        yield from _falls(payment_id, operations)


def _falls(payment_id: str, operations: Sequence[Operation]) -> Iterator[Violation]:
    """Compare each answer with the highest one that had come before it was asked for."""
    ended = sorted(operations, key=lambda operation: operation.ended.at)  # type: ignore[union-attr]  ok has ended
    for operation in sorted(operations, key=lambda operation: operation.invoked.at):
        before = [_RANK[one.answer["status"]] for one in ended if one.ended.at < operation.invoked.at]  # type: ignore[union-attr]
        if before and max(before) > _RANK[operation.answer["status"]]:
            yield Violation("I5", f"{payment_id} was seen to fall to {operation.answer['status']}", (payment_id,))
            return


def i6_every_change_is_told(evidence: Evidence) -> Iterator[Violation]:
    """Every status that a payment came into has its event, and no event tells of one that it did not come into."""
    told: dict[str, set[str]] = defaultdict(set)
    for item in evidence.collection("outbox"):
        noun, _, status = item["name"].partition(".")
        if noun == "payment" and status in _RANK:
            told[item["subject"]].add(status)
    for payment in evidence.payments:
        moved = {entry["status"] for entry in payment["history"]} - {"pending"}
        if moved != told[payment["_id"]]:
            what = f"{payment['_id']} came into {sorted(moved)}, its events tell of {sorted(told[payment['_id']])}"
            yield Violation("I6", what, (payment["_id"],))


def i6_received(evidence: Evidence) -> Iterator[Violation]:
    """Every event of the outbox reached its merchant's receiver, signed, and nobody else's (W11)."""
    received = {(fact["id"], fact["merchant"]) for fact in evidence.receivers or () if fact["is_signed"]}
    events = {(item["_id"], item["tenant"]): item for item in evidence.collection("outbox") if item["kind"] == "event"}
    for item in (events[one] for one in sorted(events.keys() - received)):
        yield Violation("I6", f"event {item['name']} of {item['subject']} reached nobody", (item["subject"],))
    for item_id, merchant in received - events.keys():
        yield Violation("I6", f"{merchant} was told {item_id}, which is no event of theirs", ())
    if forged := [fact["id"] for fact in evidence.receivers or () if not fact["is_signed"]]:
        yield Violation("I6", f"deliveries do not verify: {forged[:5]}", ())


def i11_no_strangers(evidence: Evidence) -> Iterator[Violation]:
    """Nothing shows a merchant another's payment, and everything here lies with the merchant whose money it is."""
    owner = {payment["_id"]: payment["tenant"] for payment in evidence.payments}
    for operation in evidence.history:
        if operation.f == "read-other" and operation.type is Type.OK:
            yield Violation("I11", f"another merchant read {operation.invoked.value['payment']}", ())
        for payment_id in operation.answer.get("ids", ()):
            if owner.get(payment_id, operation.invoked.value["merchant"]) != operation.invoked.value["merchant"]:
                yield Violation("I11", f"a list showed {payment_id} of another merchant", (payment_id,))
    accounts = {fact["order"]: evidence.accounts.get(fact["account"]) for fact in evidence.journal.of("order.created")}
    for payment in evidence.payments:
        if payment["order_id"] and accounts.get(payment["order_id"]) != payment["tenant"]:
            yield Violation("I11", f"{payment['_id']} has an order of another account", (payment["_id"],))


def i12_nothing_lost(evidence: Evidence) -> Iterator[Violation]:
    """Every acknowledged write is in the dump, and no read after it misses it."""
    stored = {payment["_id"]: payment for payment in evidence.payments}
    for operation in evidence.history:
        if operation.type is Type.OK and operation.f in _WRITTEN:
            subject = operation.answer.get("id") or operation.invoked.value["payment"]
            payment = stored.get(subject)
            if payment is None or not _WRITTEN[operation.f](payment, operation.answer):
                yield Violation("I12", f"{operation.f} of {subject} was acknowledged and is lost", (subject,))
        if operation.f == "read" and operation.answer.get("http") == 404:
            subject = operation.invoked.value["payment"]
            yield Violation("I12", f"a read after the creation of {subject} found nothing", (subject,))
    refunds = {row["_id"] for row in evidence.collection("refunds")}
    for operation in evidence.history:
        if operation.f == "refund" and operation.type is Type.OK and operation.answer.get("id") not in refunds:
            yield Violation("I12", f"refund {operation.answer.get('id')} was acknowledged and is lost", ())


def _as_created(payment: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    return payment["order_id"] == answer["order_id"] and payment["amount"] == answer["amount"]


def _not_below(payment: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    return min(_RANK[answer["status"]], _RANK["completed"]) <= _RANK[payment["status"]]


_WRITTEN: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], bool]] = {
    "create": _as_created,
    "replay": _as_created,
    "retry": _as_created,
    "verify": _not_below,
    "capture": _not_below,
    "cancel": _not_below,
    "read": _not_below,
}


def i13_one_answer(evidence: Evidence) -> Iterator[Violation]:
    """One key, one payment, one answer byte by byte."""
    digests: dict[tuple[str, str], set[str]] = defaultdict(set)
    for operation in evidence.history:
        if operation.type is Type.OK and "key" in operation.invoked.value:
            digests[operation.invoked.value["merchant"], operation.invoked.value["key"]].add(operation.answer["digest"])
    for (_, key), answers in digests.items():
        if len(answers) > 1:
            yield Violation("I13", f"key {key} got {len(answers)} different answers", (key,))
    keys = (
        (payment["tenant"], payment["idempotency"]["key"]) for payment in evidence.payments if "idempotency" in payment
    )
    for _, key in repeated(keys):
        yield Violation("I13", f"key {key} made more than one payment", (key,))
    for _, reference in repeated((payment["tenant"], payment.get("natural_key")) for payment in evidence.payments):
        if reference is not None:
            yield Violation("I13", f"reference {reference} has more than one payment", (reference,))


def i14_nothing_stuck(evidence: Evidence) -> Iterator[Violation]:
    """After healing nothing waits, nothing is parked, and every token that was signed out is dead."""
    for payment in evidence.payments:
        if payment["order_state"] in _OPEN_ORDERS and payment["status"] != "cancelled":
            yield Violation(
                "I14", f"the order of {payment['_id']} is still {payment['order_state']}", (payment["_id"],)
            )
    for name, stuck in (("inbox_events", {"received", "parked"}), ("outbox", {"waiting", "parked"})):
        for row in evidence.collection(name):
            # An item of a room that is not there yet is parked for want of a handler.
            is_early = row.get("reason") == _NO_HANDLER and not evidence.builds(REFUNDS)
            if row["state"] in stuck and not is_early:
                what = (
                    f"{name} {row['_id']} is {row['state']}: {row.get('reason')} ({row.get('type') or row.get('name')})"
                )
                yield Violation("I14", what, (row["_id"], row.get("subject") or ""))
    for row in evidence.collection("refunds"):
        if row["status"] in {"requested", "pending"}:
            yield Violation("I14", f"refund {row['_id']} is still {row['status']}", (row["_id"],))
    if evidence.live_tokens:
        yield Violation("I14", f"{len(evidence.live_tokens)} access tokens live after their sign-out", ())


def i15_no_storm(evidence: Evidence) -> Iterator[Violation]:
    """The processor is called little more than what clients, events and checks needed."""
    calls = Counter(fact["path"].startswith("/v1/") for fact in evidence.journal.of("call"))[True]
    asked = sum(_CALLS_PER_OPERATION.get(operation.f, 0) for operation in evidence.history)
    # A creation whose outcome became unknown is looked up as well; so is an event of an order we did not know yet.
    unknown = sum(operation.type is not Type.OK for operation in evidence.history if operation.f in _CREATES)
    checks = sum(payment["checks"] for payment in evidence.payments)
    refunds = sum(row.get("sends", 0) + row.get("checks", 0) for row in evidence.collection("refunds"))
    needed = asked + unknown + 2 * checks + 2 * refunds + len(evidence.collection("inbox_events")) // 10
    if calls > needed * _STORM_FACTOR * _RETRY_BUDGET:
        yield Violation("I15", f"{calls} calls to the processor where about {needed} were needed", ())


def i16_unknown_not_broken(evidence: Evidence) -> Iterator[Violation]:
    """Every 5xx says that the outcome is unknown and when to come back, and no process met what it did not expect."""
    unknown = {problem.code for problem in catalogue() if problem.kind is Kind.UNAVAILABLE}
    for operation in evidence.history:
        status, code = operation.answer.get("http"), operation.answer.get("code")
        is_unknown = status == 503 and code in unknown and operation.answer.get("retry_after")
        if operation.type is Type.INFO and status and not is_unknown:
            yield Violation("I16", f"{operation.f} was answered {status} {code}", (f'"op": {operation.invoked.op},',))
    for name, lines in evidence.logs.items():
        for line in defects_in(lines):
            if evidence.builds(REFUNDS) or _NO_HANDLER not in line:
                yield Violation("I16", f"{name} says {line}", ())


# What the process that starts next says in plain words (that it waits for the database) is no exception.
_EXCEPTION = re.compile(r"(\w+\.)+\w+(:|$)|\w*(Error|Exception|Interrupt|Exit|Group)(:|$)")


def defects_in(lines: Sequence[str]) -> Iterator[str]:
    """Return what a log tells of the unexpected.

    A request that was answered 503 is expected, and so is a process that ends at once because no database answered its
    start: its supervisor starts it again.
    """
    cause = ""
    for line in (*lines, "{}"):
        if line.startswith("{"):
            # Of a traceback with its causes, the last exception is the one that ended the process.
            if cause and not cause.startswith("pymongo.errors."):
                yield cause[:300]
            cause = ""
            said = json.loads(line) if line.endswith("}") else {}
            if said.get("level") in {"error", "critical"} and not _is_expected(said):
                yield json.dumps({word: str(value)[-800:] for word, value in said.items()})
        elif line.startswith("Traceback") or (cause and _EXCEPTION.match(line)):
            cause = line


def _is_expected(said: Mapping[str, Any]) -> bool:
    event = str(said.get("event")).strip()
    if said.get("logger") == "uvicorn.error":
        return event.startswith("Application startup failed") or event.splitlines()[-1].startswith("pymongo.errors.")
    return event == "request" and said.get("status") == 503


CHECKS: Sequence[Check] = (
    Check("I1", i1_conservation),
    *BOOK_CHECKS,
    Check("I3", i3_one_order),
    Check("I5", i5_only_forward),
    Check("I6", i6_every_change_is_told, lambda evidence: evidence.builds(EVENTS)),
    Check("I6 (received)", i6_received, lambda evidence: evidence.receivers is not None),
    Check("I11", i11_no_strangers),
    Check("I12", i12_nothing_lost),
    Check("I13", i13_one_answer),
    Check("I14", i14_nothing_stuck),
    Check("I15", i15_no_storm),
    Check("I16", i16_unknown_not_broken),
    *SETTLEMENT_CHECKS,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks found, and which of them could not be made."""

    violations: Sequence[Violation]
    not_run: Sequence[str]


def check(evidence: Evidence) -> Verdict:
    """Ask every invariant that this build and its sources can answer."""
    violations: list[Violation] = []
    not_run = []
    for one in CHECKS:
        if one.can_run(evidence):
            violations += one.find(evidence)
        else:
            not_run.append(one.name)
    return Verdict(violations, not_run)
