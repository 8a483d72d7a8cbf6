"""Sends requested refunds: once in effect, whatever breaks between the request and its answer (C6, C7, C8).

Three things keep a second try from being a second refund: the same bytes under the same idempotency key, a look at the
payment's refunds before it leaves again, and a receipt that the processor takes once for a payment.
"""

import asyncio
from dataclasses import dataclass

from app.gateways.port import (
    CredentialsRefused,
    DuplicateReceipt,
    Gateway,
    GatewayError,
    GatewayRefund,
    Gateways,
    NeverSent,
    OutcomeUnknown,
    Refused,
)
from app.kit.clock import Clock
from app.kit.errors import Problem
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.payments.problems import ProcessorCredentialsRefused, ProcessorOutcomeUnknown, ProcessorUnavailable
from app.refunds.evidence import is_about, refused
from app.refunds.models import Refund, RefundStatus, Source
from app.refunds.outcomes import RefundOutcomes
from app.refunds.problems import RefundRefused
from app.refunds.schedule import is_no_believed
from app.refunds.store import RefundStore, held_by
from app.refunds.writing import RefundWriter

_DEADLINE_SECONDS = 9.5
_LOOK_AFTER_UNKNOWN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RefundSending:
    """Brings requested refunds to a known state."""

    store: RefundStore
    writer: RefundWriter
    outcomes: RefundOutcomes
    gateways: Gateways
    clock: Clock
    ids: Ids

    async def send_refund(self, scope: Scope, refund: Refund) -> Refund:
        """Send a requested refund and write down what came of it; return it as it is then.

        One that somebody else is sending, or that is known already, comes back as it stands.

        Raises:
            RefundRefused: the processor said no; the refund has failed and its reservation is free.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused: it is still requested.
        """
        gateway = await self.gateways.of(scope)
        owner = self.ids.new(Prefix.LEASE)
        faultpoint("refunds.claiming")
        claimed = await self.store.claim_send(scope, refund.id, owner=owner, at=self.clock.now())
        faultpoint("refunds.claimed")
        if claimed is None:
            return await self.store.find_refund(scope, refund.id) or refund
        snapshot = await self._ask(scope, claimed, gateway, owner=owner)
        faultpoint("refunds.answered")
        recorded = await self.outcomes.record_refund(scope, snapshot, source=Source.SEND)
        known = recorded.refund or claimed
        if known.status is RefundStatus.REQUESTED:
            await self.store.release_send(scope, refund.id, owner=owner, came_to_nothing=False)
        return known

    async def _ask(self, scope: Scope, refund: Refund, gateway: Gateway, *, owner: str) -> GatewayRefund:
        """Return the processor's refund, or write down why there is none and raise."""
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await self._obtain(refund, gateway)
        except CredentialsRefused:
            await self.store.release_send(scope, refund.id, owner=owner, came_to_nothing=True)
            raise ProcessorCredentialsRefused from None
        except Refused as refusal:
            raise await self._end(scope, refund, refusal, owner=owner) from None
        except NeverSent:
            await self.store.release_send(scope, refund.id, owner=owner, came_to_nothing=True)
            raise ProcessorUnavailable(retry_after_seconds=2) from None
        except (OutcomeUnknown, TimeoutError):
            await self.store.release_send(scope, refund.id, owner=owner, came_to_nothing=False)
            raise _unknown(refund) from None

    async def _obtain(self, refund: Refund, gateway: Gateway) -> GatewayRefund:
        """Find the refund that an earlier send made, or send it."""
        if refund.sent_before is not None and (found := await _listed(gateway, refund)) is not None:
            return found
        started = self.clock.monotonic()
        faultpoint("refunds.sending")
        try:
            return await gateway.create_refund(refund.gateway_payment_id, body=refund.body or b"", key=refund.id)
        except (CredentialsRefused, NeverSent):
            raise
        except DuplicateReceipt:
            return await _looked_up(gateway, refund)
        except Refused:
            if is_no_believed(refund, now=self.clock.now()):
                raise
            return await _looked_up(gateway, refund)
        except OutcomeUnknown:
            if self.clock.monotonic() - started > _LOOK_AFTER_UNKNOWN_SECONDS:
                raise
            # The answer was lost; often the refund is there.
            return await _looked_up(gateway, refund)

    async def _end(self, scope: Scope, refund: Refund, refusal: Refused, *, owner: str) -> Problem:
        """Write the refusal and return what to say of it: the no of a late holder is nobody's news (P3)."""
        ended = refused(refund, reason=refusal.reason, source=Source.SEND, at=self.clock.now())
        written = await self.writer.write(scope, refund, ended, only_if=held_by(owner))
        return RefundRefused.of(written) if isinstance(written, Refund) else _unknown(refund)


def _unknown(refund: Refund) -> ProcessorOutcomeUnknown:
    return ProcessorOutcomeUnknown(details={"outcome": "unknown", "refund_id": refund.id}, retry_after_seconds=2)


async def _listed(gateway: Gateway, refund: Refund) -> GatewayRefund | None:
    """Return the refund from the payment's list, if it is there.

    Raises:
        OutcomeUnknown: the list could not be had; nothing may be sent then.
    """
    faultpoint("refunds.looking")
    try:
        listed = await gateway.list_payment_refunds(refund.gateway_payment_id)
    except GatewayError:
        message = "the payment's refunds could not be listed"
        raise OutcomeUnknown(message) from None
    faultpoint("refunds.looked")
    return next((snapshot for snapshot in listed if is_about(refund, snapshot)), None)


async def _looked_up(gateway: Gateway, refund: Refund) -> GatewayRefund:
    """Return the refund that a send may have made. Raises OutcomeUnknown when it is not listed, or not yet."""
    found = await _listed(gateway, refund)
    if found is None:
        message = "no refund with this receipt is listed yet"
        raise OutcomeUnknown(message)
    return found
