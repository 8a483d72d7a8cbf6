"""The life of a dispute: opened by a bank, answered or given up, decided by the bank (razorpay.md section 8).

What nobody answers in time is lost. Money is taken only when a dispute is lost, and then all of it; an appeal
that is won brings it back.
"""

import functools
from dataclasses import dataclass, field
from typing import Any

from razorpay_simulator.dispute_entities import Dispute, DisputeStatus, Evidence
from razorpay_simulator.entities import DAY_SECONDS, Payment
from razorpay_simulator.errors import bad_request
from razorpay_simulator.processing import settlements
from razorpay_simulator.world import Account, World

RESPOND_SECONDS = 7 * DAY_SECONDS
"""How long a merchant has, unless a control says otherwise."""

PHASES = frozenset({"fraud", "retrieval", "chargeback", "pre_arbitration", "arbitration"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a bank wants back, and by when it wants to hear."""

    amount: int
    phase: str = "chargeback"
    reason_code: str = "goods_or_services_not_received_or_partially_received"
    respond_seconds: float = RESPOND_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a merchant sends against a dispute; what is None stays as it was drafted."""

    amount: int | None = None
    summary: str | None = None
    proofs: dict[str, list[str] | None] = field(default_factory=dict)
    others: list[dict[str, Any]] | None = None
    is_submitted: bool = False


def open_dispute(world: World, account: Account, payment: Payment, claim: Claim) -> Dispute:
    """Let a bank dispute a payment."""
    now = world.clock.now()
    made = Dispute(
        id=world.ids.new("disp"),
        payment_id=payment.id,
        amount=claim.amount,
        currency=payment.currency,
        created_at=world.clock.seconds(),
        born=now,
        respond_by=int(now + claim.respond_seconds),
        reason_code=claim.reason_code,
        phase=claim.phase,
        evidence=Evidence(amount=claim.amount),
    )
    account.disputes[made.id] = made
    _announce(world, account, made, "created", by="bank")
    _wait(world, account, made)
    return made


def accept(world: World, account: Account, dispute: Dispute) -> None:
    """Give a dispute up. Raises ApiError."""
    _refuse_late(world, dispute)
    _lose(world, account, dispute, by="merchant")


def contest(world: World, account: Account, dispute: Dispute, answer: Answer) -> None:
    """Keep what a merchant says, and hand it to the bank when it is submitted. Raises ApiError."""
    _refuse_late(world, dispute)
    evidence = dispute.evidence
    if answer.amount is not None and answer.amount > dispute.amount:
        raise bad_request("contest amount cannot be greater than dispute amount.", field="amount")
    proofs = {**evidence.proofs, **answer.proofs}
    others = evidence.others if answer.others is None else answer.others
    if answer.is_submitted and not (others or any(proofs.values())):
        raise bad_request("At least one document is required to contest a dispute.", field="action")
    evidence.amount = evidence.amount if answer.amount is None else answer.amount
    evidence.summary = evidence.summary if answer.summary is None else answer.summary
    evidence.proofs, evidence.others = proofs, others
    if answer.is_submitted:
        evidence.submitted_at = world.clock.seconds()
        _move(world, account, dispute, DisputeStatus.UNDER_REVIEW, by="merchant")


def win(world: World, account: Account, dispute: Dispute) -> None:
    """Let the bank agree with the merchant. Raises ApiError."""
    _refuse_decided(dispute)
    _move(world, account, dispute, DisputeStatus.WON, by="bank")


def lose(world: World, account: Account, dispute: Dispute) -> None:
    """Let the bank agree with its customer, and take the money. Raises ApiError."""
    _refuse_decided(dispute)
    _lose(world, account, dispute, by="bank")


def reverse(world: World, account: Account, dispute: Dispute) -> None:
    """Let the bank give back what it took for a lost dispute, which is won on appeal then. Raises ApiError."""
    if dispute.status is not DisputeStatus.LOST:
        raise _not_allowed(dispute)
    if account.refund_policy.balance is not None:
        account.refund_policy.balance += dispute.amount_deducted
    dispute.amount_deducted = 0
    settlements.reverse_deduction(world, account, dispute)
    _move(world, account, dispute, DisputeStatus.WON, by="bank")


def close(world: World, account: Account, dispute: Dispute) -> None:
    """Let the bank drop it, as it does when the customer has the money back already. Raises ApiError."""
    _refuse_decided(dispute)
    _move(world, account, dispute, DisputeStatus.CLOSED, by="bank")


def require_action(world: World, account: Account, dispute: Dispute, *, respond_seconds: float) -> None:
    """Let the bank ask for better evidence: the dispute is open again. Raises ApiError."""
    if dispute.status is not DisputeStatus.UNDER_REVIEW:
        raise _not_allowed(dispute)
    dispute.respond_by = int(world.clock.now() + respond_seconds)
    _move(world, account, dispute, DisputeStatus.OPEN, by="bank", kind="action_required")
    _wait(world, account, dispute)


def _wait(world: World, account: Account, dispute: Dispute) -> None:
    world.clock.at(dispute.respond_by, functools.partial(_on_deadline, world, account, dispute, dispute.respond_by))


def _on_deadline(world: World, account: Account, dispute: Dispute, deadline: int) -> None:
    # A dispute that was opened again has a later deadline, with a timer of its own.
    if dispute.status is DisputeStatus.OPEN and dispute.respond_by == deadline:
        _lose(world, account, dispute, by="deadline")


def _lose(world: World, account: Account, dispute: Dispute, *, by: str) -> None:
    dispute.amount_deducted = dispute.amount
    if account.refund_policy.balance is not None:
        account.refund_policy.balance -= dispute.amount
    settlements.deduct(world, account, dispute)
    _move(world, account, dispute, DisputeStatus.LOST, by=by)


def _move(
    world: World, account: Account, dispute: Dispute, status: DisputeStatus, *, by: str, kind: str | None = None
) -> None:
    change = {"old": {"status": dispute.status.value}, "new": {"status": status.value}}
    dispute.lifecycle.append({"change": change, "created_at": world.clock.seconds()})
    dispute.status = status
    _announce(world, account, dispute, kind or status.value, by=by)


def _announce(world: World, account: Account, dispute: Dispute, kind: str, *, by: str) -> None:
    world.journal.write(
        f"dispute.{kind}",
        account=account.id,
        dispute=dispute.id,
        payment=dispute.payment_id,
        amount=dispute.amount,
        currency=dispute.currency,
        deducted=dispute.amount_deducted,
        by=by,
    )
    payment = account.payments[dispute.payment_id].to_wire()
    world.emit(account, f"payment.dispute.{kind}", payment=payment, dispute=dispute.to_wire())


def _refuse_late(world: World, dispute: Dispute) -> None:
    if dispute.status is not DisputeStatus.OPEN:
        raise _not_allowed(dispute)
    if world.clock.now() >= dispute.respond_by:
        raise bad_request("Action not allowed as deadline to respond has elapsed.")


def _refuse_decided(dispute: Dispute) -> None:
    if dispute.status not in {DisputeStatus.OPEN, DisputeStatus.UNDER_REVIEW}:
        raise _not_allowed(dispute)


def _not_allowed(dispute: Dispute) -> Exception:
    return bad_request(f"Action not allowed when dispute is in {dispute.status.value} status.")
