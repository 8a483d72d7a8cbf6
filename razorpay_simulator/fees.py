"""The processor's fee: 2 % and 18 % tax on it, in whole minor units, as measured (razorpay.md section 3.2)."""


def fee_and_tax(amount: int) -> tuple[int, int]:
    """Return the fee with its tax included, and that tax: 150000 gives 3540 and 540, 100 gives 3 and 0."""
    base = -(-amount * 2 // 100)
    tax = base * 18 // 100
    fee = -(-base * 118 // 100)
    return min(fee, amount), tax


def tax_in(fee: int) -> int:
    """Return the tax that a fee includes: 590 gives 90."""
    return fee * 18 // 118
