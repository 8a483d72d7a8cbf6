"""What must hold of books, news and refunds."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from app.gateways.port import DisputeStatus, RefundStatus
from app.gateways.settlement import RowKind
from app.ledger.models import Account, CauseKind
from tests.simulation.violation import Violation, about

if TYPE_CHECKING:
    from tests.simulation.world import World

_ACCEPTED = {"pending", "processed"}


def money_violations(world: "World") -> Iterator[Violation]:
    """Yield what does not hold."""
    yield from i2_one_entry_per_capture(world)
    yield from i4_books_balance(world)
    yield from i6_news_are_changes(world)
    yield from i7_never_more_than_captured(world)
    yield from i8_i9_refunds_agree(world)
    yield from i10_counters_agree(world)
    yield from disputes_agree(world)
    yield from settlements_agree(world)


def i2_one_entry_per_capture(world: "World") -> Iterator[Violation]:
    """I2: each capture at the processor is booked once, with its amount."""
    booked = {
        row["cause"]["id"]: row["legs"][0]["amount"]
        for row in _entries(world)
        if row["cause"]["kind"] == CauseKind.CAPTURE.value
    }
    taken = {charge.id: charge.amount.minor for charge in world.processor.charges.values() if charge.captured_at}
    for charge_id in booked.keys() | taken.keys():
        if booked.get(charge_id) != taken.get(charge_id):
            what = f"{charge_id}: booked {booked.get(charge_id)}, captured {taken.get(charge_id)}"
            yield Violation("I2", what, about(charge_id))
    causes = Counter((row["cause"]["kind"], row["cause"]["id"]) for row in _entries(world))
    for (kind, cause), times in causes.items():
        if times > 1:
            yield Violation("I2", f"{kind} of {cause} is booked {times} times", about(cause))


def i4_books_balance(world: "World") -> Iterator[Violation]:
    """I4: every entry balances, and what the books say the processor holds is what it holds."""
    for row in _entries(world):
        if sum(leg["amount"] * (1 if leg["side"] == "debit" else -1) for leg in row["legs"]):
            yield Violation("I4", f"{row['_id']} does not balance", about(row["_id"]))
    known_fees = _known_fees(world)
    held = sum(charge.amount.minor for charge in world.processor.charges.values() if charge.captured_at)
    held -= sum(charge.fee or 0 for charge in world.processor.charges.values() if charge.id in known_fees)
    held -= sum(
        made.amount.minor for made in world.processor.repayments.values() if made.status is RefundStatus.PROCESSED
    )
    held -= sum(made.fee for made in world.processor.repayments.values() if made.id in known_fees)
    held -= sum(quarrel.deducted for quarrel in world.processor.bank.rows.values())
    if (said := balance_of(world, Account.BANK)) != (paid := world.processor.till.paid):
        yield Violation("I4", f"the books say that the bank has {said}, it has {paid}")
    held -= paid
    if (said := balance_of(world, Account.PROCESSOR_RECEIVABLE)) != held and "refunds" in world.database.tables:
        yield Violation("I4", f"the books say that the processor holds {said}, it holds {held}")
    apart = sum(
        row["amount"] - row.get("amount_placed", 0) - row.get("amount_refunded", 0)
        for row in world.database.rows("suspense").values()
    )
    if (said := -balance_of(world, Account.SUSPENSE)) != apart:
        yield Violation("I4", f"the books say that {said} is in suspense, {apart} is")


def i6_news_are_changes(world: "World") -> Iterator[Violation]:
    """I6: whoever changes its state tells so in the same commit, and nothing else is told."""
    told: dict[tuple[int, str, Any], str] = {}
    moved: dict[tuple[int, str, Any], str] = {}
    changed: set[tuple[int, str]] = set()
    for change in world.database.log:
        if change.after is None:
            continue
        row = change.after
        changed.add((change.number, row["_id"]))
        if change.collection == "outbox" and change.before is None and row["kind"] == "event":
            told[change.number, row["subject"], row["sequence"]] = row["name"]
        is_ours = change.collection in {"payments", "refunds", "disputes"} and change.before is not None
        if is_ours and row["status"] != change.before["status"]:
            moved[change.number, row["_id"], row["version"]] = row["status"]
    for (number, subject, version), status in moved.items():
        if (number, subject, version) not in told:
            yield Violation("I6", f"nobody was told that {subject} is {status} at version {version}", about(subject))
    for (number, subject, version), name in told.items():
        if (number, subject) not in changed:
            yield Violation("I6", f"{name} of {subject} at {version} is no change", about(subject))


def i7_never_more_than_captured(world: "World") -> Iterator[Violation]:
    """I7: at no commit is more reserved than captured, but for what the processor did by itself; at rest never."""
    for change in world.database.log:
        row = change.after
        if change.collection != "payments" or row is None or "refunds_reserved" not in row:
            continue
        if row["refunds_reserved"] > row["amount_captured"] and "refunds_exceed_capture" not in row["review"]:
            yield Violation("I7", f"{row['_id']} reserves {row['refunds_reserved']}", about(row["_id"]))
    for row in world.database.rows("payments").values():
        if row.get("refunds_reserved", 0) > row["amount_captured"]:
            yield Violation("I7", f"{row['_id']} gives back {row['refunds_reserved']} at rest", about(row["_id"]))


def i8_i9_refunds_agree(world: "World") -> Iterator[Violation]:
    """I8, I9: each refund at the processor is one of ours, in the same state, and each of ours is one of its."""
    if "refunds" not in world.database.tables:
        return
    ours = Counter(row["gateway_refund_id"] for row in world.database.rows("refunds").values())
    states = {row["gateway_refund_id"]: row["status"] for row in world.database.rows("refunds").values()}
    for made in world.processor.repayments.values():
        if not made.is_ours and made.status is RefundStatus.FAILED and not ours[made.id]:
            continue  # somebody else's that came to nothing before anybody told us: no money moved
        if ours[made.id] != 1 or states[made.id] != made.status.value:
            what = f"{made.id} ({made.status}) is here {ours[made.id]} times as {states.get(made.id)}"
            yield Violation("I8", what, about(made.id, made.payment_id, made.receipt))
    receipts = Counter(made.receipt for made in world.processor.repayments.values() if made.is_ours)
    for receipt, times in receipts.items():
        if times > 1 and receipt not in world.account.second_refunds:
            yield Violation("I9", f"{receipt} was given back {times} times", about(receipt))
    for row in world.database.rows("refunds").values():
        is_there = row["gateway_refund_id"] in world.processor.repayments
        if row["status"] in _ACCEPTED and not is_there:
            yield Violation("I8", f"{row['_id']} is {row['status']} and not at the processor", about(row["_id"]))


def i10_counters_agree(world: "World") -> Iterator[Violation]:
    """I10: what is reserved is what is under way or went back, for payments and for money in suspense."""
    if "refunds" not in world.database.tables:
        return
    reserved, refunded = Counter[str](), Counter[str]()
    for row in world.database.rows("refunds").values():
        holder = row.get("suspense_id") or row["payment_id"]
        if row["status"] in _ACCEPTED:
            refunded[holder] += row["amount"]
        if row["status"] in {*_ACCEPTED, "requested"}:
            reserved[holder] += row["amount"]
    for name in ("payments", "suspense"):
        for row in world.database.rows(name).values():
            counted = (row.get("refunds_reserved", 0), row.get("amount_refunded", 0))
            if counted != (reserved[row["_id"]], refunded[row["_id"]]):
                what = f"{row['_id']} counts {counted}, its refunds {reserved[row['_id']], refunded[row['_id']]}"
                yield Violation("I10", what, about(row["_id"]))


def disputes_agree(world: "World") -> Iterator[Violation]:
    """D5, C11: each dispute is here once, as it is at the processor, and its payment is held as it asks for."""
    rows = list(world.database.rows("disputes").values())
    known = Counter(row["gateway_dispute_id"] for row in rows)
    by_id = {row["gateway_dispute_id"]: row for row in rows}
    for quarrel in world.processor.bank.rows.values():
        row = by_id.get(quarrel.id)
        said = None if row is None else (row["status"], row["amount_deducted"])
        if known[quarrel.id] != 1 or said != (quarrel.status.value, quarrel.deducted):
            what = (
                f"{quarrel.id} is {quarrel.status.value}, {quarrel.deducted} taken; here {known[quarrel.id]} as {said}"
            )
            yield Violation("D5", what, about(quarrel.id, quarrel.payment_id))
            continue
        state = world.database.rows("payments")[row["payment_id"]].get("dispute_state")
        if state != _STATES[quarrel.status]:
            yield Violation("C11", f"{row['payment_id']} has {state} of {quarrel.id}", about(quarrel.id))


def settlements_agree(world: "World") -> Iterator[Violation]:
    """R9: each payout is here once, as it is at the processor, and its lines agree but for what people must look at."""
    rows = list(world.database.rows("settlements").values())
    known = Counter(row["gateway_settlement_id"] for row in rows)
    by_id = {row["gateway_settlement_id"]: row for row in rows}
    findings: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for line in world.database.rows("settlement_lines").values():
        findings.setdefault(line["settlement_id"], []).append((line["entity_id"], tuple(line["findings"])))
    for made in world.processor.till.rows.values():
        row = by_id.get(made.id)
        if row is None or known[made.id] != 1 or (row["status"], row["amount"]) != (made.status, made.amount):
            said = row and (row["status"], row["amount"])
            yield Violation(
                "R9", f"{made.id} is {made.status}, {made.amount}; here {known[made.id]} as {said}", about(made.id)
            )
        if row is not None and (moves := _moves_of(world, made.id)) > 2 * made.tries - (made.status == "processed"):
            yield Violation("I2", f"{made.id} was paid {made.tries} times, and moved {moves} times", about(made.id))
        if row is not None and made.status == "processed":
            kept = {part.entity_id for part in made.parts if part.kind is RowKind.REFUND and part.fee}
            for refund_id in sorted(kept - _known_fees(world)):
                yield Violation("D5", f"the fee of {refund_id} is not booked", about(refund_id))
            expected = sorted((part.entity_id, ("unexplained",) * part.is_odd) for part in made.parts)
            if (found := sorted(findings.get(row["_id"], []))) != expected:
                yield Violation("R9", f"{made.id} is made of {expected}, here of {found}", about(made.id))
            agreement = "differs" if any(part.is_odd for part in made.parts) else "agreed"
            if row["agreement"] != agreement:
                yield Violation("R9", f"{made.id} {row['agreement']}, and should have {agreement}", about(made.id))


_STATES = {
    DisputeStatus.OPEN: "open",
    DisputeStatus.UNDER_REVIEW: "open",
    DisputeStatus.WON: "won",
    DisputeStatus.LOST: "lost",
}


def _moves_of(world: "World", gateway_settlement_id: str) -> int:
    causes = (row["cause"] for row in _entries(world) if row["cause"]["kind"] == CauseKind.SETTLEMENT.value)
    return sum(cause["id"].partition("/")[0] == gateway_settlement_id for cause in causes)


def _known_fees(world: "World") -> set[str]:
    return {row["cause"]["id"] for row in _entries(world) if row["cause"]["kind"] == CauseKind.FEE.value}


def balance_of(world: "World", account: Account) -> int:
    """Return an account's debits less its credits."""
    legs = (leg for row in _entries(world) for leg in row["legs"] if leg["account"] == account.value)
    return sum(leg["amount"] * (1 if leg["side"] == "debit" else -1) for leg in legs)


def _entries(world: "World") -> Any:
    return world.database.rows("ledger_entries").values()
