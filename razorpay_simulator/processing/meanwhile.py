"""What others do between two pages of a list: something new at its front, so that all the rest moves on by one."""

from collections.abc import Iterator

from razorpay_simulator.currencies import minimum
from razorpay_simulator.entities import Order, Payment, PaymentStatus
from razorpay_simulator.processing import disputes, paying, refunds, settlements
from razorpay_simulator.world import Account, World

_AMOUNT = 10_000


def insert(world: World, account: Account, template: str) -> None:
    """Make one more of what the route with this template lists; nothing where there is nothing to make it of."""
    match template.rpartition("/")[2]:
        case "orders":
            _order(world, account)
        case "payments":
            paying.pay(world, account, _order(world, account), paying.Wish(outcome=paying.Outcome.SUCCESS))
        case "refunds":
            _refund(world, account)
        case "disputes":
            for payment in _captured(account):
                disputes.open_dispute(world, account, payment, disputes.Claim(amount=payment.amount))
                break
        case "settlements" | "combined":
            settlements.settle(world, account, is_early=True)
        case _:
            pass


def _order(world: World, account: Account) -> Order:
    made = Order(
        id=world.ids.new("order"),
        amount=_AMOUNT,
        currency="INR",
        created_at=world.clock.seconds(),
        born=world.clock.now(),
    )
    account.orders[made.id] = made
    return made


def _refund(world: World, account: Account) -> None:
    for payment in _captured(account):
        amount = minimum(payment.currency)
        if payment.amount - payment.amount_refunded >= amount:
            refunds.refund(world, account, payment, refunds.RefundRequest(amount=amount))
            return


def _captured(account: Account) -> Iterator[Payment]:
    return (payment for payment in reversed(account.payments.values()) if payment.status is PaymentStatus.CAPTURED)
