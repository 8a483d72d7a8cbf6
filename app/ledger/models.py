"""Accounts, legs and entries as values: double entry, one currency an entry, amounts in minor units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.kit.money import MAX_MINOR, Money
from app.kit.scope import Scope


class Side(StrEnum):
    """The two sides of a book."""

    DEBIT = "debit"
    CREDIT = "credit"


class Account(StrEnum):
    """Every account that a merchant has, in each mode and currency. The words are permanent: entries carry them."""

    PROCESSOR_RECEIVABLE = "processor_receivable"
    """What the processor holds for the merchant and will settle."""

    BANK = "bank"
    """What the processor has settled to the merchant's bank."""

    FEES = "fees"
    """What the processor keeps for its service, without tax."""

    TAX = "tax"
    """The tax on those fees."""

    REFUNDS = "refunds"
    """What was given back to customers."""

    DISPUTES = "disputes"
    """What was taken back through disputes."""

    CUSTOMER_CLEARING = "customer_clearing"
    """What is on its way back to customers: accepted by the processor, not yet with the bank."""

    MERCHANT_PAYABLE = "merchant_payable"
    """What customers paid for: the merchant's gross takings."""

    SUSPENSE = "suspense"
    """Captured money that is no payment's, until someone places it."""


NORMAL_SIDE: Mapping[Account, Side] = {
    Account.PROCESSOR_RECEIVABLE: Side.DEBIT,
    Account.BANK: Side.DEBIT,
    Account.FEES: Side.DEBIT,
    Account.TAX: Side.DEBIT,
    Account.REFUNDS: Side.DEBIT,
    Account.DISPUTES: Side.DEBIT,
    Account.CUSTOMER_CLEARING: Side.CREDIT,
    Account.MERCHANT_PAYABLE: Side.CREDIT,
    Account.SUSPENSE: Side.CREDIT,
}
"""On which side each account grows: its balance is shown positive there."""


class CauseKind(StrEnum):
    """What kind of fact an entry is about. With the fact's id it is unique: one fact, one entry (D5)."""

    CAPTURE = "capture"
    FEE = "fee"
    REFUND = "refund"
    REFUND_PAYOUT = "refund_payout"
    REFUND_REVERSAL = "refund_reversal"
    DISPUTE_DEDUCTION = "dispute_deduction"
    DISPUTE_REVERSAL = "dispute_reversal"
    SETTLEMENT = "settlement"
    SUSPENSE_PLACEMENT = "suspense_placement"


@dataclass(frozen=True, slots=True)
class Cause:
    """The fact behind an entry; `id` is the processor's id of it where it has one, such as `pay_...` of a capture."""

    kind: CauseKind
    id: str


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of an entry: an amount in minor units, above zero, on one side of one account."""

    account: Account
    side: Side
    amount: int


class Unbalanced(ValueError):
    """An entry whose sides differ, or that books nothing: a defect of ours."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What a fact causes in the books.

    Raises:
        Unbalanced: the sides differ, a leg is not between 1 and the bound, or there are no legs.
    """

    cause: Cause
    currency: str
    legs: tuple[Leg, ...]
    payment_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse what does not balance."""
        sums = {side: sum(leg.amount for leg in self.legs if leg.side is side) for side in Side}
        is_sound = all(type(leg.amount) is int and 0 < leg.amount <= MAX_MINOR for leg in self.legs)
        if not self.legs or not is_sound or sums[Side.DEBIT] != sums[Side.CREDIT]:
            message = f"the legs of {self.cause.kind} {self.cause.id} do not balance"
            raise Unbalanced(message)

    def facts(self) -> tuple[object, ...]:
        """Return what tells two postings apart, whatever the order of their legs."""
        return (self.cause, self.currency, self.payment_id, tuple(sorted(self.legs, key=repr)))


@dataclass(frozen=True, slots=True)
class Seal:
    """An entry's place in its merchant's chain; `digest` covers the entry and the digest before it."""

    sequence: int
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A posting as it was booked. It never changes; only its seal is added, once."""

    id: str
    scope: Scope
    posting: Posting
    recorded_at: datetime
    seal: Seal | None = None


def transfer(cause: Cause, amount: Money, *, debit: Account, credit: Account, payment_id: str | None = None) -> Posting:
    """Return the posting that books one amount from one account to another."""
    legs = (Leg(debit, Side.DEBIT, amount.minor), Leg(credit, Side.CREDIT, amount.minor))
    return Posting(cause, amount.currency, legs, payment_id)


def fee(of: str, amount: int, *, tax: int, currency: str, payment_id: str | None) -> Posting:
    """Return the posting of what the processor kept for something, by its id of that.

    Args:
        of: the processor's id of the payment or refund.
        amount: what it kept, in minor units, `tax` included.
        tax: the part of it that is tax.
        currency: of both.
        payment_id: the payment that it is about.
    """
    parts = ((Account.FEES, amount - tax), (Account.TAX, tax))
    legs = tuple(Leg(account, Side.DEBIT, part) for account, part in parts if part)
    legs = (*legs, Leg(Account.PROCESSOR_RECEIVABLE, Side.CREDIT, amount))
    return Posting(Cause(CauseKind.FEE, of), currency, legs, payment_id)
