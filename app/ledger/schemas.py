"""What the ledger's API reads and shows. Amounts are integers in minor units (paise for INR)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.kit.ids import Prefix
from app.ledger.balances import NOTHING, Balances, totals
from app.ledger.books_store import Verdict
from app.ledger.chain import Break, Flaw
from app.ledger.models import NORMAL_SIDE, Account, CauseKind, Entry, Side
from app.ledger.store import EntryFilter
from app.ledger.verification import Verification
from app.web.envelope import Moment, Timestamp
from app.web.paging import PageQuery

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217 code.")]
CauseId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,80}$"),
    Field(description="Id of the fact, such as the processor's `pay_...` of a capture."),
]
PaymentId = Annotated[str, StringConstraints(pattern=r"^pmt_[0-9A-Z]{26}$")]
From = Annotated[Moment | None, Field(alias="from", description="Booked at this moment or later.")]
Before = Annotated[Moment | None, Field(description="Booked before this moment.")]


class EntryQuery(PageQuery):
    """Filters of the list of entries."""

    prefix = Prefix.LEDGER_ENTRY

    payment_id: PaymentId | None = None
    account: Account | None = None
    cause: CauseKind | None = None
    cause_id: CauseId | None = None
    currency: Currency | None = None
    since: From = None
    before: Before = None

    def to_filter(self) -> EntryFilter:
        """Return the filter for the store."""
        return EntryFilter(
            payment_id=self.payment_id,
            account=self.account,
            cause=self.cause,
            cause_id=self.cause_id,
            currency=self.currency,
            recorded_from=self.since,
            recorded_before=self.before,
        )


class ExportQuery(BaseModel):
    """Which entries to export; all of them when nothing is said."""

    model_config = ConfigDict(extra="forbid")

    since: From = None
    before: Before = None


class AccountsQuery(BaseModel):
    """Which currency; every one that has entries when left out."""

    model_config = ConfigDict(extra="forbid")

    currency: Currency | None = None


class TrialBalanceQuery(BaseModel):
    """Which moment; now when left out."""

    model_config = ConfigDict(extra="forbid")

    at: Annotated[Moment | None, Field(description="Only what was booked before this moment counts.")] = None


class ChainQuery(BaseModel):
    """Where to begin."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, Field(ge=0, le=10**15, description="`next_after` of the answer before; 0 at first.")] = 0


class LegRead(BaseModel):
    """One line of an entry."""

    account: Account
    side: Side
    amount: int


class EntryRead(BaseModel):
    """A booked fact. `sequence` and the digests are null until it is sealed, moments later."""

    id: str
    cause: CauseKind
    cause_id: str
    payment_id: str | None
    currency: str
    legs: list[LegRead]
    recorded_at: Timestamp
    sequence: int | None
    previous: str | None
    digest: str | None

    @classmethod
    def of(cls, entry: Entry) -> "EntryRead":
        """Show an entry."""
        posting, seal = entry.posting, entry.seal
        return cls(
            id=entry.id,
            cause=posting.cause.kind,
            cause_id=posting.cause.id,
            payment_id=posting.payment_id,
            currency=posting.currency,
            legs=[LegRead(account=leg.account, side=leg.side, amount=leg.amount) for leg in posting.legs],
            recorded_at=entry.recorded_at,
            sequence=seal and seal.sequence,
            previous=seal and seal.previous,
            digest=seal and seal.digest,
        )


class AccountRead(BaseModel):
    """An account. `balance` is positive on the account's own `side`."""

    account: Account
    currency: str
    side: Side
    debit: int
    credit: int
    balance: int


class AccountsRead(BaseModel):
    """Every account with what it has taken until now."""

    accounts: list[AccountRead]

    @classmethod
    def of(cls, balances: Balances, *, currency: str | None) -> "AccountsRead":
        """Show the accounts of one currency, or of all that have entries."""
        shown = [currency] if currency else sorted(totals(balances))
        return cls(accounts=[one for each in shown for one in _accounts(balances, each)])


class CurrencyTrialRead(BaseModel):
    """The trial balance of one currency: in books that balance both sums are equal."""

    currency: str
    debit: int
    credit: int
    accounts: list[AccountRead]


class TrialBalanceRead(BaseModel):
    """Every account at one moment."""

    at: Timestamp
    is_balanced: bool
    currencies: list[CurrencyTrialRead]

    @classmethod
    def of(cls, balances: Balances, *, at: datetime) -> "TrialBalanceRead":
        """Show balances as they were at a moment."""
        sums = totals(balances)
        return cls(
            at=at,
            is_balanced=all(total.debit == total.credit for total in sums.values()),
            currencies=[
                CurrencyTrialRead(
                    currency=currency,
                    debit=total.debit,
                    credit=total.credit,
                    accounts=list(_accounts(balances, currency)),
                )
                for currency, total in sorted(sums.items())
            ],
        )


class BreakRead(BaseModel):
    """One flaw, and where it is."""

    flaw: Flaw
    sequence: int | None
    entry_id: str | None
    line: Annotated[str | None, Field(description="Currency and account of a sum that is wrong.")]
    says: str

    @classmethod
    def of(cls, one: Break) -> "BreakRead":
        """Show a flaw."""
        return cls(flaw=one.flaw, sequence=one.sequence, entry_id=one.entry_id, line=one.line, says=one.says)


class VerdictRead(BaseModel):
    """How the worker's last walk through the whole book ended."""

    completed_at: Timestamp
    sequence: int
    breaks: list[BreakRead]

    @classmethod
    def of(cls, verdict: Verdict) -> "VerdictRead":
        """Show a verdict."""
        return cls(
            completed_at=verdict.completed_at,
            sequence=verdict.sequence,
            breaks=[BreakRead.of(one) for one in verdict.breaks],
        )


class ChainRead(BaseModel):
    """What a look at a part of the book found. `next_after` is null at the end of the book."""

    is_whole: bool
    checked_from: int
    checked_through: int
    sealed: Annotated[int, Field(description="How many entries the chain has.")]
    next_after: int | None
    breaks: list[BreakRead]
    unsealed_since: Annotated[Timestamp | None, Field(description="When the first entry not sealed yet was booked.")]
    last_walk: VerdictRead | None

    @classmethod
    def of(cls, found: Verification) -> "ChainRead":
        """Show what a look found."""
        return cls(
            is_whole=found.is_whole,
            checked_from=found.checked_from,
            checked_through=found.checked_through,
            sealed=found.sealed,
            next_after=found.next_after,
            breaks=[BreakRead.of(one) for one in found.breaks],
            unsealed_since=found.unsealed_since,
            last_walk=None if found.last is None else VerdictRead.of(found.last),
        )


def _accounts(balances: Balances, currency: str) -> Iterable[AccountRead]:
    for account, side in NORMAL_SIDE.items():
        taken = balances.get((currency, account.value), NOTHING)
        yield AccountRead(
            account=account,
            currency=currency,
            side=side,
            debit=taken.debit,
            credit=taken.credit,
            balance=taken.balance(account),
        )
