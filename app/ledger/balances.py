"""Balances as a fold of entries: pure sums per currency and account."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.ledger.models import NORMAL_SIDE, Account, Posting, Side


@dataclass(frozen=True, slots=True)
class Turnover:
    """What one account has taken on each side, in minor units."""

    debit: int = 0
    credit: int = 0

    def __add__(self, other: "Turnover") -> "Turnover":
        return Turnover(self.debit + other.debit, self.credit + other.credit)

    def balance(self, account: Account) -> int:
        """Return the balance, positive on the side on which the account grows."""
        grown = self.debit - self.credit
        return grown if NORMAL_SIDE[account] is Side.DEBIT else -grown


Line = tuple[str, str]
"""A currency and the word of an account."""

Balances = Mapping[Line, Turnover]
"""What each account has taken, by line. A line that is not there took nothing."""

NOTHING = Turnover()


def fold(postings: Iterable[Posting]) -> Balances:
    """Return what the postings come to."""
    sums: dict[Line, Turnover] = {}
    for posting in postings:
        for leg in posting.legs:
            line = (posting.currency, leg.account.value)
            taken = Turnover(debit=leg.amount) if leg.side is Side.DEBIT else Turnover(credit=leg.amount)
            sums[line] = sums.get(line, NOTHING) + taken
    return sums


def merge(*parts: Balances) -> Balances:
    """Return the sum of several balances."""
    sums: dict[Line, Turnover] = {}
    for part in parts:
        for line, turnover in part.items():
            sums[line] = sums.get(line, NOTHING) + turnover
    return sums


def differences(one: Balances, other: Balances) -> Mapping[Line, tuple[Turnover, Turnover]]:
    """Return the lines in which two balances differ, with what each says."""
    return {
        line: (one.get(line, NOTHING), other.get(line, NOTHING))
        for line in sorted({*one, *other})
        if one.get(line, NOTHING) != other.get(line, NOTHING)
    }


def totals(balances: Balances) -> Mapping[str, Turnover]:
    """Return both sides of each currency; in books that balance they are equal (I4)."""
    sums: dict[str, Turnover] = {}
    for (currency, _), turnover in balances.items():
        sums[currency] = sums.get(currency, NOTHING) + turnover
    return sums
