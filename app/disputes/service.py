"""The verbs of disputes: show, accept, contest, add a document."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from app.disputes.evidence import answered, with_evidence
from app.disputes.models import Dispute, DisputeStatus, Evidence, Source
from app.disputes.outcomes import DisputeOutcomes
from app.disputes.problems import (
    DisputeAmountInvalid,
    DisputeAnswerRefused,
    DisputeBusy,
    DisputeNotFound,
    DisputeNotOpen,
    DocumentNotFound,
    TooManyDocuments,
)
from app.disputes.schedule import SOON
from app.disputes.store import DisputeFilter, DisputeStore
from app.gateways.contest import Contest, EvidenceKind
from app.gateways.port import CredentialsRefused, GatewayDispute, GatewayError, Gateways, Refused
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.payments.asking import problem_of
from app.web.paging import Slice, Window

ACCEPTED, CONTESTED, DRAFTED = "accepted", "contested", "drafted"
MOST_DOCUMENTS = 20
_TRIES = 8


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
        answer = CONTESTED if contest.is_final else DRAFTED
        noted = await self._note(scope, dispute, answer, summary=contest.summary)
        gateway = await self.gateways.of(scope)
        return await self._answered(scope, noted, gateway.contest_dispute(noted.gateway_dispute_id, contest))

    async def add_document(
        self, scope: Scope, dispute_id: str, *, content: bytes, name: str, mime: str, kind: EvidenceKind | None = None
    ) -> str:
        """Give the processor a document as evidence, note it, and return its id, which a contest then names.

        Raises:
            DisputeNotFound, DisputeNotOpen, TooManyDocuments, DisputeAnswerRefused.
            ProcessorOutcomeUnknown, ProcessorUnavailable, DisputeBusy: send it again; a document that nothing names
                does no harm.
        """
        dispute = await self._open(scope, dispute_id)
        if len(dispute.evidence) >= MOST_DOCUMENTS:
            raise TooManyDocuments
        gateway = await self.gateways.of(scope)
        try:
            document_id = await gateway.upload_document(content, name=name, mime=mime)
        except GatewayError as error:
            raise _refusal_of(error) from None
        now = self.clock.now()
        added = Evidence(id=document_id, name=name, mime=mime, size_bytes=len(content), kind=kind, added_at=now)
        for _ in range(_TRIES):
            dispute = await self.get_dispute(scope, dispute_id)
            if await self._keep(scope, dispute, (*dispute.evidence, added)):
                return document_id
        raise DisputeBusy(retry_after_seconds=1)

    async def remove_document(self, scope: Scope, dispute_id: str, document_id: str) -> None:
        """Name a document no more when the answer is submitted; the processor keeps it, and nobody is shown it.

        Raises:
            DisputeNotFound, DisputeNotOpen, DocumentNotFound, DisputeBusy.
        """
        dispute = await self._open(scope, dispute_id)
        rest = [one for one in dispute.evidence if one.id != document_id]
        if len(rest) == len(dispute.evidence):
            raise DocumentNotFound
        if not await self._keep(scope, dispute, rest):
            raise DisputeBusy(retry_after_seconds=1)

    async def _keep(self, scope: Scope, dispute: Dispute, evidence: Sequence[Evidence]) -> bool:
        changed = with_evidence(dispute, evidence, at=self.clock.now())
        return await self.outcomes.write(scope, dispute, changed)

    async def _open(self, scope: Scope, dispute_id: str) -> Dispute:
        dispute = await self.get_dispute(scope, dispute_id)
        if dispute.status is not DisputeStatus.OPEN:
            raise DisputeNotOpen(details={"status": dispute.status.value})
        return dispute

    async def _note(self, scope: Scope, dispute: Dispute, answer: str, *, summary: str | None = None) -> Dispute:
        """Write down what is about to be said. Raises DisputeNotOpen, DisputeBusy."""
        if dispute.status is not DisputeStatus.OPEN:
            raise DisputeNotOpen(details={"status": dispute.status.value})
        if dispute.answered == answer and summary in {None, dispute.summary}:
            return dispute
        noted = answered(dispute, answer, at=self.clock.now(), summary=summary)
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
