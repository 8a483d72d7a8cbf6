"""What becomes of captured money: it waits, and is settled at T+2 working days (razorpay.md section 8).

Once a working day everything that is due and not on hold becomes one settlement: payments without their fees, less
refunds with theirs and lost disputes. What takes money never goes before its payment: it is in the settlement that
brings that, or in a later one. What would come to nothing or less waits with all its rows. Everything is rupees: a
payment in another currency is left out, with its refunds and disputes, as nothing here knows its worth in rupees.

Test accounts of the processor are never settled. Here they are, or nobody could try a reconciliation.
"""

import functools

from razorpay_simulator.dispute_entities import Dispute
from razorpay_simulator.entities import Payment, Refund
from razorpay_simulator.errors import bad_request
from razorpay_simulator.faults import FaultMode, FaultRule
from razorpay_simulator.settlement_entities import Origin, Row, RowType, Settlement, SettlementStatus
from razorpay_simulator.working_days import slot_after, slot_of_cycle
from razorpay_simulator.world import Account, World

_CURRENCY = "INR"


def earn(world: World, account: Account, payment: Payment) -> None:
    """Let the money of a captured payment wait for its settlement."""
    if payment.currency != _CURRENCY:
        return
    due = slot_of_cycle(world.clock.now())
    row = Row(
        entity_id=payment.id,
        type=RowType.PAYMENT,
        amount=payment.amount,
        is_credit=True,
        created_at=payment.created_at,
        of_payment=payment.id,
        due=due,
        fee=payment.fee or 0,
        tax=payment.tax or 0,
        description=payment.description,
        notes=dict(payment.notes),
        origin=_origin(account, payment),
    )
    account.settling.waiting[payment.id] = row
    _plan(world, account, due)


def give_back(world: World, account: Account, refund: Refund) -> None:
    """Let a processed refund wait for its deduction; money that was never captured is not the merchant's to give."""
    payment = account.payments[refund.payment_id]
    if refund.currency != _CURRENCY or not payment.was_captured:
        return
    account.settling.waiting[refund.id] = Row(
        entity_id=refund.id,
        type=RowType.REFUND,
        amount=refund.amount,
        is_credit=False,
        created_at=refund.created_at,
        of_payment=payment.id,
        due=world.clock.now(),
        fee=refund.fee,
        tax=refund.tax,
        notes=dict(refund.notes),
        origin=_origin(account, payment),
    )


def take_back(world: World, account: Account, refund: Refund) -> None:
    """Undo the deduction of a refund that came back: by an adjustment when it has been settled already."""
    if account.settling.waiting.pop(refund.id, None) is not None:
        _plan(world, account, slot_after(world.clock.now()))
        return
    payment = account.payments[refund.payment_id]
    if refund.currency == _CURRENCY and payment.was_captured:
        _adjust(world, account, payment, refund.amount, is_credit=True, description=f"Reversal of {refund.id}")


def deduct(world: World, account: Account, dispute: Dispute) -> None:
    """Take what a lost dispute costs."""
    payment = account.payments[dispute.payment_id]
    text = "Deduction for a lost dispute"
    _adjust(world, account, payment, dispute.amount, is_credit=False, description=text, dispute_id=dispute.id)


def reverse_deduction(world: World, account: Account, dispute: Dispute) -> None:
    """Bring back what a lost dispute cost."""
    payment = account.payments[dispute.payment_id]
    text = "Reversal of a dispute's deduction"
    _adjust(world, account, payment, dispute.amount, is_credit=True, description=text, dispute_id=dispute.id)


def hold(world: World, account: Account, payment: Payment, *, is_on_hold: bool) -> Row:
    """Keep a payment from being settled, or let it go into the next settlement once it is due. Raises ApiError."""
    row = account.settling.waiting.get(payment.id)
    if row is None:
        raise bad_request("Nothing of this payment waits for a settlement.")
    row.is_on_hold = is_on_hold
    _plan(world, account, slot_after(world.clock.now()))
    return row


def settle(world: World, account: Account, *, is_early: bool = False) -> Settlement | None:
    """Settle what is due, or when `is_early` all that is not on hold; None when that comes to nothing or less."""
    book = account.settling
    rows = _collect(world, account, is_early=is_early)
    if _sum(rows) <= 0:
        return None
    now = world.clock.now()
    faults = world.faults.of_settlement(account.id)
    for fault in faults:
        _spoil(rows, fault)
    made = Settlement(
        id=world.ids.new("setl"),
        amount=max(_sum(rows) - _shortage(faults), 1),
        utr=f"{int(now)}{world.ids.bare()[:6].lower()}",
        created_at=world.clock.seconds(),
        born=now,
        listed_from=now + _delay(faults, FaultMode.RECON_LATE),
        rows=rows,
    )
    for row in rows:
        row.settlement = made
        del book.waiting[row.entity_id]
    book.settlements[made.id] = made
    _announce(world, account, made, faults)
    if any(fault.mode is FaultMode.SETTLEMENT_FAILS for fault in faults):
        delay = _delay(faults, FaultMode.SETTLEMENT_FAILS)
        world.clock.after(delay, functools.partial(_fail_later, world, account, made))
    return made


def fail(world: World, account: Account, settlement: Settlement) -> None:
    """Let the merchant's bank send a settlement back: its rows wait again, for the next one. Raises ApiError.

    The processor has no event for it: only who looks again sees it.
    """
    if settlement.status is SettlementStatus.FAILED:
        raise bad_request("The settlement is failed already.")
    settlement.status = SettlementStatus.FAILED
    for row in settlement.rows:
        row.settlement = None
        account.settling.waiting[row.entity_id] = row
    settlement.rows = []
    _plan(world, account, slot_after(world.clock.now()))
    world.journal.write(
        "settlement.failed", account=account.id, settlement=settlement.id, amount=settlement.amount, utr=settlement.utr
    )


def _fail_later(world: World, account: Account, settlement: Settlement) -> None:
    if settlement.status is not SettlementStatus.FAILED:
        fail(world, account, settlement)


def _adjust(
    world: World,
    account: Account,
    payment: Payment,
    amount: int,
    *,
    is_credit: bool,
    description: str,
    dispute_id: str | None = None,
) -> None:
    if payment.currency != _CURRENCY:
        return
    now = world.clock.now()
    row = Row(
        entity_id=world.ids.new("adj"),
        type=RowType.ADJUSTMENT,
        amount=amount,
        is_credit=is_credit,
        created_at=world.clock.seconds(),
        of_payment=payment.id,
        due=now,
        description=description,
        dispute_id=dispute_id,
    )
    account.settling.waiting[row.entity_id] = row
    if is_credit:
        _plan(world, account, slot_after(now))


def _plan(world: World, account: Account, slot: float) -> None:
    """Plan to settle at a moment. Only what makes the sum larger needs one: what takes money waits for money."""
    if slot not in account.settling.slots:
        account.settling.slots.add(slot)
        world.clock.at(slot, functools.partial(_on_slot, world, account, slot))


def _on_slot(world: World, account: Account, slot: float) -> None:
    account.settling.slots.discard(slot)
    settle(world, account)


def _collect(world: World, account: Account, *, is_early: bool) -> list[Row]:
    """Return what the next settlement takes: payments in their order, then what is taken from them."""
    rows = account.settling.waiting.values()
    payments = [row for row in rows if row.type is RowType.PAYMENT]
    now = world.clock.now()
    taken = [row for row in payments if not row.is_on_hold and (is_early or row.due <= now)]
    stay = {row.entity_id for row in payments} - {row.entity_id for row in taken}
    others = (row for row in rows if row.type is not RowType.PAYMENT and row.of_payment not in stay)
    return taken + sorted(others, key=lambda row: row.type is RowType.ADJUSTMENT)


def _sum(rows: list[Row]) -> int:
    return sum(row.credit - row.debit for row in rows)


def _spoil(rows: list[Row], fault: FaultRule) -> None:
    """Let one row, which the rule's dice choose, be missing or cost more than its payment says."""
    match fault.mode:
        case FaultMode.RECON_ROW_MISSING:
            fault.dice.choice(rows).is_missing = True
        case FaultMode.RECON_FEE_DRIFT:
            payments = [row for row in rows if row.type is RowType.PAYMENT]
            if payments:
                row = fault.dice.choice(payments)
                row.fee += min(fault.amount, row.credit, _sum(rows) - 1)
        case _:
            pass


def _shortage(faults: list[FaultRule]) -> int:
    return sum(fault.amount for fault in faults if fault.mode is FaultMode.SETTLEMENT_SHORT)


def _delay(faults: list[FaultRule], mode: FaultMode) -> float:
    return max((fault.delay_seconds for fault in faults if fault.mode is mode), default=0.0)


def _origin(account: Account, payment: Payment) -> Origin:
    return Origin.of(payment, account.orders.get(payment.order_id or ""), account.cards.get(payment.card_id or ""))


def _announce(world: World, account: Account, settlement: Settlement, faults: list[FaultRule]) -> None:
    world.journal.write(
        "settlement.processed",
        account=account.id,
        settlement=settlement.id,
        amount=settlement.amount,
        due=_sum(settlement.rows),
        rows=len(settlement.rows),
        utr=settlement.utr,
        faults=[fault.mode.value for fault in faults],
    )
    world.emit(account, "settlement.processed", settlement=settlement.to_wire())
