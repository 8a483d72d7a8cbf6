"""The invariants about books and refunds: I2, I4 and I7 to I10."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.chaos.evidence import BOOKS, REFUNDS, Evidence
from tests.chaos.violations import Check, Violation

_ENDED = {"failed", "cancelled"}


def i2_one_capture_entry(evidence: Evidence) -> Iterator[Violation]:
    """One entry for each capture of the processor, and the sums are the same per merchant and currency."""
    entries, captured = evidence.entries("capture"), evidence.journal.captured
    for gateway_id in captured.keys() | entries.keys():
        if len(entries.get(gateway_id, ())) != (1 if gateway_id in captured else 0):
            yield Violation("I2", f"{gateway_id} has {len(entries.get(gateway_id, ()))} capture entries", (gateway_id,))
    theirs, ours = Counter[tuple[Any, str]](), Counter[tuple[Any, str]]()
    for fact in captured.values():
        theirs[evidence.accounts.get(fact["account"]), fact["currency"]] += fact["amount"]
    for rows in entries.values():
        for row in rows:
            ours[row["tenant"], row["currency"]] += _total(row)
    if theirs != ours:
        yield Violation("I2", f"captures add up to {dict(theirs)} at the processor and {dict(ours)} here", ())


def i4_balanced(evidence: Evidence) -> Iterator[Violation]:
    """Each entry balances, a cause has one entry, and books and chains agree with the entries."""
    causes = Counter((e["tenant"], e["mode"], e["cause"]["kind"], e["cause"]["id"]) for e in _entries(evidence))
    for cause, count in causes.items():
        if count > 1:
            yield Violation("I4", f"{cause} is booked {count} times", (cause[-1],))
    for entry in _entries(evidence):
        if _total(entry) != _total(entry, side="credit"):
            yield Violation("I4", f"{entry['_id']} does not balance", (entry["_id"],))
    yield from _chains(evidence)
    yield from (Violation("I4", what, ()) for what in evidence.snapshots if what.startswith("ledger"))


def _chains(evidence: Evidence) -> Iterator[Violation]:
    """Check that the sealed entries of each merchant are numbered without a gap, each with the digest before it."""
    chains: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for entry in _entries(evidence):
        if entry.get("seal"):
            chains[entry["tenant"], entry["mode"]].append(entry["seal"])
    for whose, seals in chains.items():
        seals.sort(key=lambda seal: seal["sequence"])
        if [seal["sequence"] for seal in seals] != list(range(1, len(seals) + 1)):
            yield Violation("I4", f"the chain of {whose} has a gap", ())
        if any(after["previous"] != before["digest"] for before, after in pairwise(seals)):
            yield Violation("I4", f"the chain of {whose} is broken", ())
    for book in evidence.collection("ledger_books"):
        yield from _book_differs(evidence, book)


def _book_differs(evidence: Evidence, book: Mapping[str, Any]) -> Iterator[Violation]:
    """Compare a book's stored balances with the sum of its sealed entries."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for entry in _entries(evidence):
        if entry.get("seal") and (entry["tenant"], entry["mode"]) == (book["tenant"], book["mode"]):
            for leg in entry["legs"]:
                sums[entry["currency"], leg["account"], leg["side"]] += int(leg["amount"])
    stored = {
        (currency, account, side): int(amount)
        for currency, accounts in book["balances"].items()
        for account, sides in accounts.items()
        for side, amount in sides.items()
        if amount
    }
    if stored != dict(sums):
        yield Violation("I4", f"the book of {book['tenant']} says {stored}, its entries add up to {dict(sums)}", ())


def i7_never_above_captured(evidence: Evidence) -> Iterator[Violation]:
    """Refunds never exceed the capture: at the processor, here, and at every snapshot on the way."""
    given: Counter[str] = Counter()
    for fact in evidence.journal.refunds.values():
        given[fact["payment"]] += fact["amount"]
    captured = evidence.journal.captured
    for gateway_id, amount in given.items():
        if amount > captured[gateway_id]["amount"]:
            yield Violation("I7", f"{amount} of {gateway_id} was refunded, more than was captured", (gateway_id,))
    for payment in evidence.payments:
        if payment.get("refunds_reserved", 0) > payment["amount_captured"]:
            yield Violation("I7", f"{payment['_id']} has reserved more than was captured", (payment["_id"],))
    yield from (Violation("I7", what, ()) for what in evidence.snapshots if what.startswith("refunds"))


def i8_i9_refunds_agree(evidence: Evidence) -> Iterator[Violation]:
    """What the processor refunded is booked, once each, and nothing else is."""
    booked = {
        refund_id: rows
        for refund_id, rows in evidence.entries("refund").items()
        if refund_id not in evidence.entries("refund_reversal")
    }
    made = evidence.journal.refunds
    for refund_id in made.keys() ^ booked.keys():
        where = "here" if refund_id in booked else "at the processor"
        yield Violation("I9", f"refund {refund_id} is only {where}", (refund_id,))
    theirs, ours = (
        sum(fact["amount"] for fact in made.values()),
        sum(_total(row) for rows in booked.values() for row in rows),
    )
    if theirs != ours:
        yield Violation("I8", f"refunds add up to {theirs} at the processor and {ours} here", ())
    keys = Counter((row["tenant"], row["payment_id"], row.get("request_key")) for row in evidence.collection("refunds"))
    for key, count in keys.items():
        if key[-1] is not None and count > 1:
            yield Violation("I9", f"the key {key[-1]} made {count} refunds", (key[-1],))


def i10_reservations(evidence: Evidence) -> Iterator[Violation]:
    """What a payment has reserved is the sum of its refunds that did not end without effect."""
    reserved: Counter[str] = Counter()
    for row in evidence.collection("refunds"):
        if row["status"] not in _ENDED:
            # What was refunded out of suspense is reserved there.
            reserved[row["payment_id"]] += row["amount"] - row.get("from_suspense", 0)
    for payment in evidence.payments:
        kept, wanted = payment.get("refunds_reserved", 0), reserved[payment["_id"]]
        if kept != wanted:
            what = f"{payment['_id']} reserves {kept}, its refunds add up to {wanted}"
            yield Violation("I10", what, (payment["_id"],))


def _entries(evidence: Evidence) -> Sequence[Mapping[str, Any]]:
    return evidence.collection("ledger_entries")


def _total(entry: Mapping[str, Any], *, side: str = "debit") -> int:
    return sum(int(leg["amount"]) for leg in entry["legs"] if leg["side"] == side)


def _has_books(evidence: Evidence) -> bool:
    return evidence.builds(BOOKS)


def _has_refunds(evidence: Evidence) -> bool:
    return evidence.builds(BOOKS) and evidence.builds(REFUNDS)


BOOK_CHECKS: Sequence[Check] = (
    Check("I2", i2_one_capture_entry, _has_books),
    Check("I4", i4_balanced, _has_books),
    Check("I7", i7_never_above_captured),
    Check("I8, I9", i8_i9_refunds_agree, _has_refunds),
    Check("I10", i10_reservations, _has_refunds),
)
