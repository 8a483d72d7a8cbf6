"""All state of the simulator: accounts that know nothing of each other, and what they share."""

from dataclasses import dataclass, field
from typing import Any

from razorpay_simulator.clock import Clock
from razorpay_simulator.config import SimulatorConfig
from razorpay_simulator.dispute_entities import Dispute, Document
from razorpay_simulator.entities import Card, Customer, Downtime, Order, Payment, Refund
from razorpay_simulator.faults import Faults
from razorpay_simulator.ids import Ids
from razorpay_simulator.journal import Journal
from razorpay_simulator.settlement_entities import Settlement, SettlementBook
from razorpay_simulator.webhooks.engine import Mailbox, WebhookEngine


@dataclass(slots=True)
class RefundPolicy:
    """How an account's refunds go.

    Args:
        seconds: how long a refund stays pending; 0 means that it is processed at once.
        fails: whether the bank refuses them in the end.
        is_instant: whether `optimum` is kept; otherwise it falls back to normal.
        balance: the money available for refunds, None for plenty.
        instant_fee: what one that is instant costs, in minor units, with its tax of 18 %. The price is made up.
    """

    seconds: float = 0.0
    fails: bool = False
    is_instant: bool = True
    balance: int | None = None
    instant_fee: int = 590


@dataclass(slots=True)
class Account:
    """One merchant at the processor: keys and everything that belongs to it."""

    id: str
    key_id: str
    key_secret: str
    mailbox: Mailbox
    orders: dict[str, Order] = field(default_factory=dict)
    orders_by_receipt: dict[str, list[Order]] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    refunds_by_payment: dict[str, list[Refund]] = field(default_factory=dict)
    refunds_by_key: dict[str, tuple[Any, Refund]] = field(default_factory=dict)
    refund_keys_at_work: set[str] = field(default_factory=set)
    """Idempotency keys whose request is under way: another with the same key is a conflict."""
    disputes: dict[str, Dispute] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    settling: SettlementBook = field(default_factory=SettlementBook)
    customers: dict[str, Customer] = field(default_factory=dict)
    refund_policy: RefundPolicy = field(default_factory=RefundPolicy)
    more: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Entities of further resources, by resource name and id."""


class World:
    """Everything there is.

    Args:
        config: how this simulator was started.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.clock = Clock(config.epoch)
        # A restarted simulator must not hand out the ids of its past again: its clients may have kept them.
        start = self.clock.real_nanoseconds() if config.epoch is None else config.epoch
        self.ids = Ids(f"{config.seed}:{start}")
        self.journal = Journal(self.clock, size=config.journal_size, path=config.journal)
        self.webhooks = WebhookEngine(
            self.clock,
            self.ids,
            self.journal,
            timeout_seconds=config.webhook_timeout_seconds,
            concurrency=config.webhook_concurrency,
        )
        self.faults = Faults()
        self.list_lag_seconds = 0.0
        self.accounts: dict[str, Account] = {}
        self.downtimes: dict[str, Downtime] = {}
        self._default_account_id = f"acc_{Ids(str(config.seed)).bare()}"
        self.default_account = self._open_default()

    def open_account(self, *, key_id: str, key_secret: str, account_id: str) -> Account:
        """Add an account; the key must be new."""
        account = Account(account_id, key_id, key_secret, Mailbox(account_id))
        self.accounts[key_id] = account
        return account

    def find_account(self, name: str) -> Account | None:
        """Return the account with this key id or account id."""
        by_key = self.accounts.get(name)
        if by_key is not None:
            return by_key
        return next((account for account in self.accounts.values() if account.id == name), None)

    def find_order(self, order_id: str) -> tuple[Account, Order] | None:
        """Return an order of whichever account, with that account."""
        for account in self.accounts.values():
            if order := account.orders.get(order_id):
                return account, order
        return None

    def find_payment(self, payment_id: str) -> tuple[Account, Payment] | None:
        """Return a payment of whichever account, with that account."""
        for account in self.accounts.values():
            if payment := account.payments.get(payment_id):
                return account, payment
        return None

    def find_dispute(self, dispute_id: str) -> tuple[Account, Dispute] | None:
        """Return a dispute of whichever account, with that account."""
        for account in self.accounts.values():
            if dispute := account.disputes.get(dispute_id):
                return account, dispute
        return None

    def find_settlement(self, settlement_id: str) -> tuple[Account, Settlement] | None:
        """Return a settlement of whichever account, with that account."""
        for account in self.accounts.values():
            if settlement := account.settling.settlements.get(settlement_id):
                return account, settlement
        return None

    def emit(self, account: Account, name: str, **entities: dict[str, Any]) -> None:
        """Announce an event of an account with the snapshots it contains."""
        self.webhooks.emit(account.mailbox, name, entities)

    async def advance(self, seconds: float) -> int:
        """Move the time on; what falls due on the way happens at its own moment."""
        return await self.clock.advance(seconds, self.webhooks.settle)

    async def reset(self) -> None:
        """Forget everything but the default account's keys; time and ids go on."""
        self.clock.clear()
        await self.webhooks.close()
        self.journal.clear()
        self.faults.rules.clear()
        self.downtimes.clear()
        self.accounts.clear()
        self.list_lag_seconds = 0.0
        self.default_account = self._open_default()

    async def close(self) -> None:
        """Let go of sockets, timers and files."""
        self.clock.clear()
        await self.webhooks.close()
        self.journal.close()

    def _open_default(self) -> Account:
        return self.open_account(
            key_id=self.config.key_id, key_secret=self.config.key_secret, account_id=self._default_account_id
        )
