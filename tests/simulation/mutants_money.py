"""Mistakes in books, news and refunds: each class is the product's with one decision made wrongly."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.gateways.port import Gateway, GatewayRefund
from app.gateways.port import RefundStatus as Said
from app.ledger.documents import entry_to_document
from app.ledger.models import Account, Cause, CauseKind, Entry, Leg, Posting
from app.ledger.store import EntryStore
from app.outbox.models import ItemState
from app.outbox.runner import OutboxRunner
from app.outbox.store import OutboxStore
from app.payments.facts import Facts
from app.payments.models import Payment
from app.payments.outcomes import Outcomes
from app.payments.problems import ProcessorOutcomeUnknown
from app.payments.refundable import RefundableStore
from app.refunds.evidence import refused
from app.refunds.models import Refund, RefundStatus, Source
from app.refunds.outcomes import Match, Recorded, RefundOutcomes
from app.refunds.sending import RefundSending
from app.refunds.store import RefundStore, _one
from app.refunds.writing import NotWritten, RefundWriter
from tests.simulation.loop import pause
from tests.simulation.network import Account as Line


class BooksWhateverItHears(Outcomes):
    """Books what news says, not what it changes; only the unique cause keeps that from being booked again."""

    async def _caused(self, scope: Any, before: Payment, merged: Any, also: Any) -> Any:
        return await super()._caused(scope, replace(before, attempts=()), merged, also)


class InsertsAlways(EntryStore):
    """Inserts an entry without a look whether its cause has one."""

    async def insert_entry(self, scope: Any, entry: Entry, *, session: Any) -> Entry | None:
        await self._entries.insert_one(
            {"tenant": scope.tenant, "mode": scope.mode.value, **entry_to_document(entry)}, session=session
        )
        return None


class BooksFeesTwice(Facts):
    """Books a fee under a cause of its own each time that anything else is booked."""

    async def write(self, scope: Any, *, postings: Sequence[Posting] = (), **more: Any) -> None:
        fees = [posting for posting in postings if posting.cause.kind is CauseKind.FEE]
        again = [replace(fee, cause=Cause(CauseKind.FEE, f"{fee.cause.id}/again")) for fee in fees]
        await super().write(scope, postings=(*postings, *again), **more)


class BooksSuspenseAsTakings(Facts):
    """Counts money that is nobody's among the merchant's takings."""

    async def write(self, scope: Any, *, postings: Sequence[Posting] = (), **more: Any) -> None:
        await super().write(scope, postings=[_taken(posting) for posting in postings], **more)


class BooksNoReversals(Facts):
    """Leaves a refund that failed in the books."""

    async def write(self, scope: Any, *, postings: Sequence[Posting] = (), **more: Any) -> None:
        kept = [posting for posting in postings if posting.cause.kind is not CauseKind.REFUND_REVERSAL]
        await super().write(scope, postings=kept, **more)


class PublishesAtOnce(OutboxStore):
    """Publishes outside of the transaction: also what is never committed."""

    async def add_items(self, scope: Any, items: Any, *, at: Any, session: Any) -> None:
        await super().add_items(scope, items, at=at, session=None)


class ForgetsNews(OutboxStore):
    """Tells of whatever happens, but not that a payment is paid."""

    async def add_items(self, scope: Any, items: Any, *, at: Any, session: Any) -> None:
        if told := [item for item in items if item[1].name != "payment.completed"]:
            await super().add_items(scope, told, at=at, session=session)


class MarksBeforeDoing(OutboxRunner):
    """Marks work as done, and does it afterwards."""

    async def _run(self, claimed: Any) -> str:
        handler = self._handler_of(claimed.item)
        end = await self._finish(claimed, ItemState.DONE)
        if handler is not None:
            await self._try(handler, claimed.item)
        return end


class ReadsThenReserves(RefundableStore):
    """Reads what is left, and writes what it comes to."""

    async def reserve(self, scope: Any, payment_id: str, *, amount: int, at: Any, session: Any) -> Payment | None:
        row = await self._payments.find_one({"_id": payment_id})
        if row["refunds_reserved"] + amount > row["amount_captured"]:
            return None
        reserved = row["refunds_reserved"] + amount
        await self._payments.update_one({"_id": payment_id}, {"$set": {"refunds_reserved": reserved}})
        return await super().accept(scope, payment_id, amount=0, reserved=False, at=at, session=session)


class KeepsReservations(RefundableStore):
    """Leaves the amount of a refused or cancelled refund reserved."""

    async def release(self, scope: Any, payment_id: str, *, amount: int, at: Any, session: Any) -> Payment:
        return await super().release(scope, payment_id, amount=0, at=at, session=session)


class SendsNewKeys(Line):
    """Sends each try of a refund under a key of its own."""

    async def create_refund(self, payment_id: str, *, body: bytes, key: str) -> GatewayRefund:
        return await super().create_refund(payment_id, body=body, key=f"{key}/{self.calls}")


class SendsNewBodies(RefundSending):
    """Builds the request anew at each try, so that its bytes differ; and believes the no that it gets."""

    async def _obtain(self, refund: Refund, gateway: Gateway) -> GatewayRefund:
        body = (refund.body or b"") + b" " * refund.sends
        return await gateway.create_refund(refund.gateway_payment_id, body=body, key=refund.id)


class SendsWithoutLooking(RefundSending):
    """Sends a refund again without a look whether the first try made it."""

    async def _obtain(self, refund: Refund, gateway: Gateway) -> GatewayRefund:
        return await gateway.create_refund(refund.gateway_payment_id, body=refund.body or b"", key=refund.id)


class GivesUpUnknown(RefundSending):
    """Ends a refund whose outcome is unknown, and frees what it reserved."""

    async def _ask(self, scope: Any, refund: Refund, gateway: Gateway, *, owner: str) -> GatewayRefund:
        try:
            return await super()._ask(scope, refund, gateway, owner=owner)
        except ProcessorOutcomeUnknown:
            known = await self.store.find_refund(scope, refund.id)
            if known is not None and known.status is RefundStatus.REQUESTED:
                ended = refused(known, reason="unknown", source=Source.SEND, at=self.clock.now())
                await self.writer.write(scope, known, ended)
            raise


class FreesRefusedKeys(RefundWriter):
    """Lets a key that the processor's refusal was the answer to be used again."""

    async def write(self, scope: Any, before: Refund | None, after: Refund, **more: Any) -> Refund | NotWritten:
        freed = replace(after, request_key=None) if after.is_refused else after
        return await super().write(scope, before, freed, **more)


class SendsTogether(RefundStore):
    """Takes a refund for sending from whoever is sending it, and forgets that it was sent before."""

    async def claim_send(self, scope: Any, refund_id: str, *, owner: str, at: Any) -> Refund | None:
        await self._refunds.update_one(_one(scope, refund_id), {"$set": {"leased_until": None, "sent_at": None}})
        return await super().claim_send(scope, refund_id, owner=owner, at=at)


class ForgetsKeys(RefundStore):
    """Does not know a request again."""

    async def find_by_key(self, scope: Any, *, payment_id: str, key: str) -> Refund | None:
        await pause()
        return None


class IgnoresForeignRefunds(RefundOutcomes):
    """Counts no refund that was made in the processor's dashboard."""

    async def _foreign(self, scope: Any, snapshot: Any) -> Refund | None:
        return None


class ProcessedIsFinal(RefundOutcomes):
    """Believes that a refund that was processed stays so."""

    async def record_refund(self, scope: Any, snapshot: Any, **more: Any) -> Recorded:
        known = await self._known(scope, snapshot)
        if known is not None and known.status is RefundStatus.PROCESSED and snapshot.status is Said.FAILED:
            if more.get("also") is not None:
                await self.writer.write_beside(more["also"])
            return Recorded(Match.UNCHANGED, known)
        return await super().record_refund(scope, snapshot, **more)


def _taken(posting: Posting) -> Posting:
    if posting.cause.kind is not CauseKind.CAPTURE:
        return posting
    legs = (leg if leg.account is not Account.SUSPENSE else _elsewhere(leg) for leg in posting.legs)
    return replace(posting, legs=tuple(legs))


def _elsewhere(leg: Leg) -> Leg:
    return replace(leg, account=Account.MERCHANT_PAYABLE)
