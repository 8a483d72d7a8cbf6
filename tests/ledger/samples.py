"""Postings as the rooms of money make them, and strategies that draw them."""

from hypothesis import strategies as st

from app.kit.money import MAX_MINOR, Money
from app.ledger.models import Account, Cause, CauseKind, Leg, Posting, Side, transfer


def capture(number=1, amount=50_000, *, currency="INR", payment_id="pmt_1", kind=CauseKind.CAPTURE):
    """Return what a capture of ₹500.00 books."""
    return transfer(
        Cause(kind, f"pay_{number}"),
        Money(amount, currency),
        debit=Account.PROCESSOR_RECEIVABLE,
        credit=Account.MERCHANT_PAYABLE,
        payment_id=payment_id,
    )


def fee(number=1, amount=1_180, *, tax=180):
    """Return what the processor's fee on it books: three legs."""
    legs = (
        Leg(Account.FEES, Side.DEBIT, amount - tax),
        Leg(Account.TAX, Side.DEBIT, tax),
        Leg(Account.PROCESSOR_RECEIVABLE, Side.CREDIT, amount),
    )
    return Posting(Cause(CauseKind.FEE, f"pay_{number}"), "INR", legs, "pmt_1")


@st.composite
def postings(draw):
    """Draw a posting with one to four legs on each side."""
    total = draw(st.integers(4, MAX_MINOR))
    sides = [(side, part) for side in Side for part in _parts(draw, total)]
    legs = tuple(Leg(draw(st.sampled_from(Account)), side, part) for side, part in sides)
    cause = Cause(draw(st.sampled_from(CauseKind)), f"x_{draw(st.integers(1, 10**6))}")
    return Posting(cause, draw(st.sampled_from(["INR", "USD", "JPY"])), legs, draw(st.none() | st.just("pmt_7")))


def _parts(draw, total):
    cuts = sorted(draw(st.sets(st.integers(1, total - 1), max_size=3)))
    return [after - before for before, after in zip([0, *cuts], [*cuts, total], strict=True)]
