"""The verbs of disputes: show, accept, contest, add a document."""

from collections.abc import Awaitable
from dataclasses import dataclass

from app.disputes.evidence import answered
from app.disputes.models import Dispute, DisputeStatus, Source
from app.disputes.outcomes import DisputeOutcomes
from app.disputes.problems import (
    DisputeAmountInvalid,
    DisputeAnswerRefused,
    DisputeBusy,
    DisputeNotFound,
    DisputeNotOpen,
)
from app.disputes.schedule import SOON
from app.disputes.store import DisputeFilter, DisputeStore
from app.gateways.port import Contest, CredentialsRefused, GatewayDispute, GatewayError, Gateways, Refused
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.payments.asking import problem_of
from app.web.paging import Slice, Window

ACCEPTED, CONTESTED, DRAFTED = "accepted", "contested", "drafted"


@dataclass(frozen=True, slots=True)
class Disputes:
    """Shows disputes and answers them."""

    store: DisputeStore
    outcomes: DisputeOutcomes
    gateways: Gateways
    clock: Clock

    async def get_dispute(self, scope: Scope, dispute_id: str) -> Dispute:
        """Return a dispute. Raises DisputeNotFound."""
        dispute = await self.store.find_dispute(scope, dispute_id)
        if dispute is None:
            raise DisputeNotFound
        return dispute

    async def list_disputes(self, scope: Scope, *, where: DisputeFilter, window: Window) -> Slice[Dispute]:
        """Return one page of disputes, newest first."""
        rows = await self.store.list_disputes(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda dispute: dispute.id)

    async def list_urgent(self, scope: Scope, *, limit: int) -> list[Dispute]:
        """Return the open disputes, those with the nearest last day first."""
        return await self.store.list_urgent(scope, limit=limit)

    async def accept_dispute(self, scope: Scope, dispute_id: str) -> Dispute:
        """Give a dispute up: the customer keeps the money. It can't be taken back.

        Raises:
            DisputeNotFound, DisputeNotOpen, DisputeAnswerRefused: nothing changed.
            ProcessorOutcomeUnknown, ProcessorUnavailable: a repetition converges, and the worker looks.
        """
        dispute = await self.get_dispute(scope, dispute_id)
        if dispute.status is DisputeStatus.LOST and dispute.answered == ACCEPTED:
            return dispute
        noted = await self._note(scope, dispute, ACCEPTED)
        gateway = await self.gateways.of(scope)
        return await self._answered(scope, noted, gateway.accept_dispute(noted.gateway_dispute_id))

    async def contest_dispute(self, scope: Scope, dispute_id: str, contest: Contest) -> Dispute:
        """Answer a dispute with evidence, as a draft or for good.

        Raises:
            DisputeNotFound, DisputeNotOpen, DisputeAmountInvalid, DisputeAnswerRefused: nothing changed.
            ProcessorOutcomeUnknown, ProcessorUnavailable: a repetition converges, and the worker looks.
        """
        dispute = await self.get_dispute(scope, dispute_id)
        if dispute.status is DisputeStatus.UNDER_REVIEW and dispute.answered == CONTESTED:
            return dispute
        if contest.amount is not None and (
            contest.amount.currency != dispute.money.currency or contest.amount > dispute.money
        ):
            raise DisputeAmountInvalid(param="amount")
        noted = await self._note(scope, dispute, CONTESTED if contest.is_final else DRAFTED)
        gateway = await self.gateways.of(scope)
        return await self._answered(scope, noted, gateway.contest_dispute(noted.gateway_dispute_id, contest))

    async def add_document(self, scope: Scope, dispute_id: str, *, content: bytes, name: str, mime: str) -> str:
        """Give the processor a document as evidence, and return its id, which a contest then names.

        Raises:
            DisputeNotFound, DisputeAnswerRefused.
            ProcessorOutcomeUnknown, ProcessorUnavailable: send it again; a document that nothing names does no harm.
        """
        await self.get_dispute(scope, dispute_id)
        gateway = await self.gateways.of(scope)
        try:
            return await gateway.upload_document(content, name=name, mime=mime)
        except GatewayError as error:
            raise _refusal_of(error) from None

    async def _note(self, scope: Scope, dispute: Dispute, answer: str) -> Dispute:
        """Write down what is about to be said. Raises DisputeNotOpen, DisputeBusy."""
        if dispute.status is not DisputeStatus.OPEN:
            raise DisputeNotOpen(details={"status": dispute.status.value})
        if dispute.answered == answer:
            return dispute
        noted = answered(dispute, answer, at=self.clock.now())
        if not await self.outcomes.write(scope, dispute, noted):
            raise DisputeBusy(retry_after_seconds=1)
        return noted

    async def _answered(self, scope: Scope, dispute: Dispute, answer: Awaitable[GatewayDispute]) -> Dispute:
        try:
            snapshot = await answer
        except GatewayError as error:
            if not isinstance(error, Refused) or isinstance(error, CredentialsRefused):
                await self.store.hasten_check(scope, dispute.id, at=self.clock.now() + SOON)
            raise _refusal_of(error) from None
        recorded = await self.outcomes.record_dispute(scope, snapshot, source=Source.ANSWER, as_of=dispute.version)
        return recorded.dispute or dispute


def _refusal_of(error: GatewayError) -> DisputeAnswerRefused | Exception:
    if isinstance(error, Refused) and not isinstance(error, CredentialsRefused):
        return DisputeAnswerRefused(details={"reason": error.reason})
    return problem_of(error)
