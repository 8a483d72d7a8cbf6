"""Erasing a customer: their data goes, and every payment, refund and entry of the books stays (T11).

The first write makes the customer nobody: their document is gone, and a tombstone of keyed digests keeps payments from
before from making them anew. What is left is walked in pieces by the worker, each of which may be repeated. The walk is
done once more after the last check of a payment and the last repetition of an event are over.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from pymongo.errors import DuplicateKeyError

from app.audit.service import Actor, Audit
from app.customers.erasures_store import ErasureStore
from app.customers.keys import CustomerKeys
from app.customers.models import Customer, Erasure, ErasureState, ErasureStep
from app.customers.port import Shelf, Shelves
from app.customers.problems import CustomerInDispute, CustomerNotFound, ErasureNotFound
from app.customers.store import CustomerStore
from app.database import Session
from app.disputes.store import DisputeStore
from app.gateways.payer import Payer
from app.idempotency.store import IdempotencyStore
from app.inbox.erasing import EventErasing
from app.kit.clock import Clock
from app.kit.ids import Prefix, first_id
from app.kit.scope import Scope
from app.outbox.models import Lane, NewItem, job
from app.outbox.service import Outbox
from app.payments.payer_store import PayerStore
from app.payments.payers import Payers, plain_payer

ERASE = "customer.erase"
"""Brings an erasure on by some pieces (subject: the customer)."""

LATE = timedelta(days=5)
"""How long something may still come: a payment is checked for the last time on its fifth day."""

PIECE = 200
_PIECES = 20
_SLACK = timedelta(minutes=1)
_APART = timedelta(minutes=5)
"""How far the processor's clock may be ahead of ours. To take somebody out of an event too many costs nothing."""

_MOST_OPEN = 10_000
_ANSWERS = ("POST /api/v1/disputes/{}/contest", "POST /api/v1/disputes/{}/documents")


@dataclass(frozen=True, slots=True)
class Erasing:
    """Begins erasures and brings them to their end."""

    store: ErasureStore
    customers: CustomerStore
    payments: PayerStore
    payers: Payers
    keys: CustomerKeys
    events: EventErasing
    shelves: Shelves
    disputes: DisputeStore
    answers: IdempotencyStore
    outbox: Outbox
    audit: Audit
    clock: Clock
    piece: int = PIECE

    async def erase_customer(self, scope: Scope, customer_id: str, *, actor: Actor) -> Erasure:
        """Erase a customer; asked again, return how far that is.

        Raises:
            CustomerNotFound.
            CustomerInDispute: nothing was done.
        """
        known = await self.store.find_erasure(scope, customer_id)
        if known is not None:
            return known
        customer = await self.customers.find_customer(scope, customer_id)
        if customer is None:
            raise CustomerNotFound
        open_payments = await self.disputes.list_open_payments(scope, limit=_MOST_OPEN)
        if await self.customers.has_payment_of(scope, customer_id, open_payments):
            raise CustomerInDispute
        own, names = self._keys_of(customer)
        erasure = Erasure(customer_id, scope, own, names, began_at=self.clock.now())
        if not await self._begin(scope, erasure):
            return await self.get_erasure(scope, customer_id)
        facts = {"mode": scope.mode.value, "payments": customer.payments}
        await self.audit.record(
            scope.tenant, actor=actor, action="customer.erased", target=customer_id, before={}, after=facts
        )
        return erasure

    async def get_erasure(self, scope: Scope, customer_id: str) -> Erasure:
        """Return how far an erasure is. Raises ErasureNotFound."""
        erasure = await self.store.find_erasure(scope, customer_id)
        if erasure is None:
            raise ErasureNotFound
        return erasure

    async def repeat_erasure(self, erasure: Erasure) -> bool:
        """Erase somebody again who came back with an older backup; tell whether that was not under way."""
        again = Erasure(erasure.customer_id, erasure.scope, erasure.own, erasure.names, began_at=erasure.began_at)
        return await self._begin(erasure.scope, again)

    async def measure_slice(self, *, after: str, limit: int) -> list[Erasure]:
        """Return erasures of all merchants: only for the command line, whose user runs the service."""
        return await self.store.measure_slice(after=after, limit=limit)

    async def carry_on(self, scope: Scope, customer_id: str) -> None:
        """Do some pieces of an erasure, and leave the next ones to a job of their own. Raises PyMongoError."""
        erasure = await self.store.find_erasure(scope, customer_id)
        for _ in range(_PIECES):
            if erasure is None or erasure.state is ErasureState.DONE:
                return
            before, erasure = erasure, await self._piece(scope, erasure)
            is_over = erasure.state is not before.state
            if not is_over and not await self.store.save_progress(scope, before, erasure):
                # Another worker brings it on.
                return
            if is_over:
                await self._turn(scope, before, erasure)
                return
        if erasure is not None:
            work = self._job(erasure)
            await self.store.database.transaction(lambda session: self.outbox.add(scope, [work], session=session))

    async def _begin(self, scope: Scope, erasure: Erasure) -> bool:
        async def work(session: Session) -> None:
            await self.store.insert_erasure(scope, erasure, session=session)
            await self.customers.remove_customers(scope, erasure, session=session)
            await self.outbox.add(scope, [self._job(erasure)], session=session)

        try:
            await self.store.database.transaction(work)
        except DuplicateKeyError:
            return False
        return True

    async def _turn(self, scope: Scope, before: Erasure, after: Erasure) -> None:
        """Write that a walk is over; the second one begins when nothing comes any more."""

        async def work(session: Session) -> None:
            saved = await self.store.save_progress(scope, before, after, session=session)
            if saved and after.state is ErasureState.WATCHING:
                await self.outbox.add(scope, [self._job(after, delay=LATE)], session=session)

        await self.store.database.transaction(work)

    def _job(self, erasure: Erasure, *, delay: timedelta = timedelta(0)) -> NewItem:
        once = f"{erasure.state.value} {erasure.step.value} {erasure.position}"
        return job(ERASE, erasure.customer_id, lane=Lane.BULK, delay=delay, once=once)

    async def _piece(self, scope: Scope, erasure: Erasure) -> Erasure:
        """Do one piece; return how far the erasure is then."""
        match erasure.step:
            case ErasureStep.COUNTED:
                return await self._erase_counted(scope, erasure)
            case ErasureStep.PAYERS:
                return await self._erase_payers(scope, erasure)
            case ErasureStep.LINKS:
                return await self._erase_links(scope, erasure)
            case ErasureStep.NOTICES:
                return await self._erase_notices(scope, erasure)
            case ErasureStep.EVENTS:
                return await self._erase_events(scope, erasure)
            case _:
                assert_never(erasure.step)

    async def _erase_counted(self, scope: Scope, erasure: Erasure) -> Erasure:
        ids = await self.customers.list_counted(scope, erasure.customer_id, after=erasure.position, limit=self.piece)
        if not ids:
            return replace(erasure, step=ErasureStep.PAYERS, position="")
        return replace(await self._erase_payments(scope, erasure, ids), position=ids[-1])

    async def _erase_payers(self, scope: Scope, erasure: Erasure) -> Erasure:
        sealed, last = await self.payments.list_sealed(scope, after=erasure.position, limit=self.piece)
        theirs = [
            one.payment_id
            for one in sealed
            if self._is_theirs(scope, erasure, self.payers.open(scope, one.payer), one.made_at)
        ]
        if last is None:
            return replace(erasure, step=ErasureStep.LINKS, position="")
        return replace(await self._erase_payments(scope, erasure, theirs), position=last)

    async def _erase_payments(self, scope: Scope, erasure: Erasure, payment_ids: Sequence[str]) -> Erasure:
        if not payment_ids:
            return erasure
        erased = await self.payments.erase_payers(scope, payment_ids)
        disputes = await self.disputes.erase_words(scope, payment_ids)
        if disputes:
            operations = [answer.format(dispute) for answer in _ANSWERS for dispute in disputes]
            await self.answers.forget_answers(scope.tenant, operations)
        return replace(erasure, payments=erasure.payments + erased, disputes=erasure.disputes + len(disputes))

    async def _erase_links(self, scope: Scope, erasure: Erasure) -> Erasure:
        erased, last = await self._walk(self.shelves.links, scope, erasure)
        if last is None:
            return replace(erasure, step=ErasureStep.NOTICES, position=self._first(Prefix.NOTICE, erasure))
        return replace(erasure, links=erasure.links + erased, position=last)

    async def _erase_notices(self, scope: Scope, erasure: Erasure) -> Erasure:
        removed, last = await self._walk(self.shelves.notices, scope, erasure)
        if last is None:
            return replace(erasure, step=ErasureStep.EVENTS, position=self._first(Prefix.EVENT, erasure))
        return replace(erasure, notices=erasure.notices + removed, position=last)

    async def _walk(self, shelf: Shelf, scope: Scope, erasure: Erasure) -> tuple[int, str | None]:
        def is_theirs(payer: Payer, at: datetime) -> bool:
            return self._is_one_of(erasure.names, scope, erasure, payer, at)

        return await shelf.erase_slice(scope, after=erasure.position, limit=self.piece, is_theirs=is_theirs)

    async def _erase_events(self, scope: Scope, erasure: Erasure) -> Erasure:
        def is_theirs(payer: Payer, at: datetime) -> bool:
            plain = plain_payer(email=payer.email, phone=payer.phone)
            return self._is_theirs(scope, erasure, plain, at - _APART)

        erased, last = await self.events.erase_slice(
            scope, after=erasure.position, limit=self.piece, is_theirs=is_theirs
        )
        if last is not None:
            return replace(erasure, events=erasure.events + erased, position=last)
        if erasure.state is ErasureState.RUNNING:
            return replace(erasure, state=ErasureState.WATCHING, step=ErasureStep.COUNTED, position="")
        return replace(erasure, state=ErasureState.DONE, ended_at=self.clock.now())

    def _first(self, prefix: Prefix, erasure: Erasure) -> str:
        """Return behind which id to begin: the second walk looks only at what came since the first."""
        is_first = erasure.state is ErasureState.RUNNING
        return "" if is_first else first_id(prefix, erasure.began_at - _SLACK)

    def _is_theirs(self, scope: Scope, erasure: Erasure, payer: Payer, at: datetime) -> bool:
        """Tell whether it is them, from before: whoever pays afterwards is somebody new."""
        return self._is_one_of(erasure.own, scope, erasure, payer, at)

    def _is_one_of(self, known: Collection[str], scope: Scope, erasure: Erasure, payer: Payer, at: datetime) -> bool:
        return at <= erasure.began_at and not set(self.keys.names_of(scope, payer).own).isdisjoint(known)

    def _keys_of(self, customer: Customer) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the keys of their identity, and those of all their addresses and numbers, under each secret."""
        named = self.keys.names_of(customer.scope, self.payers.open(customer.scope, customer.payer))
        own = dict.fromkeys([customer.identity, *(named.own if customer.identity in named.own else ())])
        return tuple(own), tuple(dict.fromkeys([*own, *customer.keys, *named.all]))
