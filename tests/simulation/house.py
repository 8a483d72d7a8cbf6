"""The product's services, joined on what is played; and the worker's lanes.

`app.wiring` joins them to real things. Here each gets its collaborators by the types that it declares, so that a
service which needs one more gets it without a change; a mutant puts a broken class in the place of one of them.
"""

import dataclasses
import functools
import random
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from app.database import Database
from app.disputes.tasks import DisputeChecks
from app.gateways.people import PeopleReader
from app.gateways.port import EventReader, Gateways
from app.gateways.razorpay.people import RazorpayPeopleReader
from app.inbox.service import Inbox
from app.kit.cache import TtlCache
from app.kit.clock import Clock
from app.kit.ids import Ids
from app.kit.scope import Mode, Scope
from app.kit.tokens import SignedIds
from app.outbox.handlers import Handler
from app.outbox.leases import Leases
from app.outbox.models import Lane as Queue
from app.outbox.runner import OutboxRunner
from app.payments.addresses import CheckoutAddresses
from app.payments.outcomes import Outcomes
from app.payments.service import Payments
from app.payments.tasks import PaymentChecks
from app.recovery.sweeps import FOREIGN_SECONDS, Sweeps
from app.recovery.tasks import Lease
from app.refunds.service import Refunds
from app.refunds.tasks import RefundChecks, RefundJobs
from app.settlements.reconciling import IN_VAIN_SECONDS
from app.settlements.tasks import SettlementJobs
from app.tenants.service import Merchants
from app.tenants.vault import Vault
from app.wiring import COLLECTIONS
from tests.simulation.expressions import Document
from tests.simulation.network import Account

if TYPE_CHECKING:
    from tests.simulation.world import World

S = TypeVar("S")

__all__ = ["COLLECTIONS"]
SCOPE = Scope("mer_00000000000000000000000001", Mode.TEST)
_EXPIRY_MINUTES = 15


class Janitor(StrEnum):
    """Who looks by himself for what nobody told us."""

    NONE = "none"
    SWEEPS = "sweeps"
    CHECKS = "checks"
    ALL = "all"

    @property
    def sweeps(self) -> bool:
        """Tell whether the processor's lists are read."""
        return self in {Janitor.SWEEPS, Janitor.ALL}

    @property
    def checks(self) -> bool:
        """Tell whether each payment, refund and dispute is asked about."""
        return self in {Janitor.CHECKS, Janitor.ALL}


@dataclass(frozen=True, slots=True)
class Cast:
    """Which class plays in whose place, and which unique indexes are missing. A mutant is a cast with one mistake."""

    swaps: Mapping[type, type] = field(default_factory=dict)
    account: type[Account] = Account
    reconciles: bool = True
    without: frozenset[str] = frozenset()


class House:
    """One process's services: each built once, with what it declares to need."""

    def __init__(self, world: "World", owner: str) -> None:
        self._swaps = world.cast.swaps
        self._built: dict[Any, Any] = {
            Database: world.database,
            Gateways: world.account,
            EventReader: world.reader,
            # Nobody is erased in the simulation, and its events name nobody.
            PeopleReader: RazorpayPeopleReader(),
            Clock: world.clock,
            Ids: world.ids,
            random.Random: world.rng,
            Vault: Vault.of("secret"),
            Merchants: _Accounts(),
            CheckoutAddresses: CheckoutAddresses("", SignedIds.of("secret", purpose="simulation")),
        }
        self._named = {
            "expiry_minutes": _EXPIRY_MINUTES,
            "settings_of": _always(world.settings),
            "secrets": _Secrets(),
            "owns_account": _Accounts().owns_account,
            # Nobody in the simulation asks to be sent anywhere after paying.
            "check_return_url": _nothing,
            "owner": owner,
            # What a process knows of orders and payments that are nobody's dies with it.
            "in_vain": TtlCache[tuple[str, Mode, str], bool](world.clock, IN_VAIN_SECONDS),
            "foreign": TtlCache[tuple[str, Mode, str], bool](world.clock, FOREIGN_SECONDS),
        }
        self._built[Lease] = self[Leases]

    def __getitem__(self, wanted: type[S]) -> S:
        """Return the one service of this class."""
        if wanted not in self._built:
            given = {name: self._part(name, hint) for name, hint, is_needed in _needs(wanted) if is_needed}
            self._built[wanted] = self._swaps.get(wanted, wanted)(**given)
        return self._built[wanted]

    def _part(self, name: str, hint: Any) -> Any:
        if name == "handlers":
            return self.handlers()
        if name in self._named:
            return self._named[name]
        return _nothing if name.startswith("on_") else self[hint]

    def handlers(self) -> Mapping[str, Handler]:
        """Return how the outbox's jobs are done, as wiring collects it from the rooms."""
        return {**self[RefundJobs].handlers(), **self[SettlementJobs].handlers()}

    @property
    def payments(self) -> Payments:
        """Return what creates payments."""
        return self[Payments]

    @property
    def outcomes(self) -> Outcomes:
        """Return what learns of payments."""
        return self[Outcomes]

    @property
    def refunds(self) -> Refunds:
        """Return what gives money back."""
        return self[Refunds]

    @property
    def inbox(self) -> Inbox:
        """Return what receives the processor's events."""
        return self[Inbox]


@functools.cache
def _needs(wanted: type) -> tuple[tuple[str, Any, bool], ...]:
    """Return the fields of a service: name, type, and whether it can't do without being given one."""
    hints = typing.get_type_hints(wanted)
    missing = dataclasses.MISSING
    return tuple(
        (part.name, hints[part.name], part.default is missing and part.default_factory is missing)
        for part in dataclasses.fields(wanted)
    )


def _nothing(*_: Any) -> None:
    """Take no measure of anything."""


def _always(answer: Any) -> Callable[[Scope], Awaitable[Any]]:
    async def of(_: Scope) -> Any:
        return answer

    return of


class _Secrets:
    async def webhook_secrets_of(self, scope: Scope) -> tuple[str, ...]:
        return ("secret",)

    async def gateway_account_of(self, scope: Scope) -> str | None:
        return None


class _Accounts:
    async def owns_account(self, _: Scope) -> bool:
        """Tell that the account is the merchant's."""
        return True

    async def measure_accounts(self, *, after: str, limit: int) -> Sequence[Scope]:
        return () if after else (SCOPE,)


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane of the worker: the verb that does one piece of work, and the rows whose moment makes it due."""

    name: str
    collection: str
    work: Callable[[House], Callable[[], Awaitable[bool]]]
    moment: Callable[[Document], datetime | None]
    works: Callable[[Janitor], bool] = lambda _: True

    def due_at(self, rows: Iterable[Document]) -> datetime | None:
        """Return when the first row is due."""
        return min((moment for row in rows if (moment := self.moment(row)) is not None), default=None)


def _outbox(queue: Queue) -> Lane:
    return Lane(
        f"outbox {queue}",
        "outbox",
        lambda house: functools.partial(house[OutboxRunner].run_next, queue),
        lambda row: row["due_at"] if row["state"] == "waiting" and row["lane"] == queue else None,
    )


def _checks(collection: str, checks: type[Any]) -> Lane:
    return Lane(
        collection,
        collection,
        lambda house: house[checks].check_next,
        lambda row: row.get("next_check_at"),
        lambda janitor: janitor.checks,
    )


SWEEPS = Lane(
    "sweeps",
    "sweeps",
    lambda house: house[Sweeps].sweep_next,
    lambda row: row["next_at"],
    lambda janitor: janitor.sweeps,
)

LANES = (
    Lane(
        "inbox",
        "inbox_events",
        lambda house: house.inbox.apply_next,
        lambda row: row["next_attempt_at"] if row["state"] == "received" else None,
    ),
    _checks("payments", PaymentChecks),
    _checks("refunds", RefundChecks),
    _checks("disputes", DisputeChecks),
    SWEEPS,
    *(_outbox(queue) for queue in Queue),
)
