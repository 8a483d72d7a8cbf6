"""What a settlement means in the books: pure. The processor holds less, and the bank more, by what it paid (D5)."""

from collections.abc import Iterable, Iterator

from app.ledger.models import Account, Cause, CauseKind, Posting, fee, transfer
from app.settlements.models import Line, Settlement, SettlementStatus


def postings(before: Settlement | None, after: Settlement) -> tuple[Posting, ...]:
    """Return the entry that a settlement's change causes; `before` is None for one we had not heard of.

    It is booked once it is paid, and back when the bank returned it. It may be tried again then, so every entry but the
    first carries the version at which the money moved.
    """
    was_paid = before is not None and before.status is SettlementStatus.PROCESSED
    is_paid = after.status is SettlementStatus.PROCESSED
    if was_paid == is_paid:
        return ()
    is_first = before is None or before.status is SettlementStatus.CREATED
    name = after.gateway_settlement_id
    return (
        transfer(
            Cause(CauseKind.SETTLEMENT, name if is_first else f"{name}/{after.version}"),
            after.money,
            debit=Account.BANK if is_paid else Account.PROCESSOR_RECEIVABLE,
            credit=Account.PROCESSOR_RECEIVABLE if is_paid else Account.BANK,
        ),
    )


def refund_fees(lines: Iterable[Line]) -> Iterator[Posting]:
    """Yield what refunds cost that went at once: the processor tells it by their lines, and nowhere else.

    A fee that the line shows without taking it is paid some other way.
    """
    for line in lines:
        row = line.row
        is_taken = row.fee and row.debit - row.credit == row.amount + row.fee
        if line.refund_id is not None and is_taken and not line.findings:
            yield fee(row.entity_id, row.fee, tax=row.tax, currency=row.currency, payment_id=line.payment_id)
