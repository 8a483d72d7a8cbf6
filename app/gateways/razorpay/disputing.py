"""Disputes at Razorpay: the port's verbs for them and for the documents that answer them."""

from collections.abc import Callable
from typing import Any

from app.gateways.contest import Contest
from app.gateways.port import GatewayDispute, Refused
from app.gateways.razorpay.calls import Calls, agree, refuse_odd_id
from app.gateways.razorpay.translate.disputes import (
    to_contest_bytes,
    to_dispute,
    to_document_body,
    to_document_id,
)

_TAKEN_TYPES = frozenset({"image/jpg", "image/jpeg", "image/png", "application/pdf"})
_EVIDENCE = "dispute_evidence"


class DisputeVerbs:
    """The part of the port's `Gateway` that answers disputes."""

    _calls: Calls

    async def get_dispute(self, dispute_id: str) -> GatewayDispute:
        """Return a dispute. Raises UnknownAtGateway, Refused, OutcomeUnknown."""
        refuse_odd_id(dispute_id)
        request = self._calls.get(f"/v1/disputes/{dispute_id}")
        return await self._calls.send(
            "get_dispute", request, self._reads_dispute(dispute_id), gateway_dispute_id=dispute_id
        )

    async def accept_dispute(self, dispute_id: str) -> GatewayDispute:
        """Give a dispute up for good; sent once, never repeated.

        Raises:
            UnknownAtGateway, Refused (`dispute_not_open`, `dispute_deadline_passed`), OutcomeUnknown.
        """
        refuse_odd_id(dispute_id)
        request = self._calls.post(f"/v1/disputes/{dispute_id}/accept", b"{}")
        return await self._calls.send(
            "accept_dispute", request, self._reads_dispute(dispute_id), gateway_dispute_id=dispute_id
        )

    async def contest_dispute(self, dispute_id: str, contest: Contest) -> GatewayDispute:
        """Answer a dispute with evidence; sent once, never repeated.

        Raises:
            UnknownAtGateway, Refused (as `accept_dispute`; `contest_exceeds_dispute`, `evidence_unknown`),
            OutcomeUnknown.
        """
        refuse_odd_id(dispute_id)
        request = self._calls.patch(f"/v1/disputes/{dispute_id}/contest", to_contest_bytes(contest))
        return await self._calls.send(
            "contest_dispute", request, self._reads_dispute(dispute_id), gateway_dispute_id=dispute_id
        )

    async def upload_document(self, content: bytes, *, name: str, mime: str) -> str:
        """Hand in a document that may stand as evidence, and return its id; a lost answer leaves one nobody uses.

        Raises:
            Refused (`document_type_not_taken` without a call), OutcomeUnknown.
        """
        if mime not in _TAKEN_TYPES:
            raise Refused("document_type_not_taken", field_name="mime")
        content_type, body = to_document_body(content, name=name, mime=mime, purpose=_EVIDENCE)
        request = self._calls.post("/v1/documents", body, {"Content-Type": content_type})
        return await self._calls.send("upload_document", request, to_document_id)

    def _reads_dispute(self, dispute_id: str) -> Callable[[Any], GatewayDispute]:
        def read(answer: Any) -> GatewayDispute:
            dispute = to_dispute(answer, seen_at=self._calls.clock.now())
            agree(dispute.id, dispute_id)
            return dispute

        return read
