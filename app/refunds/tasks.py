"""The worker's part of refunds: send what is requested, return surplus money, take foreign refunds in, look again."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from app.kit.clock import Clock
from app.kit.errors import Problem
from app.outbox.handlers import Handler, NotYet
from app.outbox.models import Item
from app.payments.events import IMPORT_REFUNDS, RETURN_SUSPENSE
from app.refunds.events import SEND
from app.refunds.models import Refund, RefundStatus
from app.refunds.outcomes import RefundOutcomes
from app.refunds.problems import RefundRefused
from app.refunds.schedule import next_check, retry_of_unreachable
from app.refunds.sending import RefundSending
from app.refunds.service import Refunds
from app.refunds.store import SEND_LEASE_SECONDS, RefundStore

_LOG = structlog.get_logger(__name__)

OnCheck = Callable[[str], None]
"""Called with how a check ended: `checked`, or the code of the problem."""


@dataclass(frozen=True, slots=True)
class RefundJobs:
    """The outbox's jobs that this room does. Doing one twice changes nothing."""

    refunds: Refunds
    sending: RefundSending
    outcomes: RefundOutcomes

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of each job by its name."""
        return {SEND: self.send, RETURN_SUSPENSE: self.return_suspense, IMPORT_REFUNDS: self.import_refunds}

    async def send(self, item: Item) -> None:
        """Bring a requested refund to a known state, if whoever asked for it has not.

        Raises:
            NotYet: somebody is sending it.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused: try again.
        """
        refund = await self.refunds.get_refund(item.scope, item.subject)
        if refund.status is not RefundStatus.REQUESTED or refund.gateway_refund_id is not None:
            return
        sent = await _unless_refused(self.sending.send_refund(item.scope, refund), subject=item.subject)
        if sent is not None and sent.status is RefundStatus.REQUESTED and sent.gateway_refund_id is None:
            raise NotYet(SEND_LEASE_SECONDS)

    async def return_suspense(self, item: Item) -> None:
        """Give surplus money back. Raises what `Refunds.return_suspense` raises, but for a refusal."""
        await _unless_refused(self.refunds.return_suspense(item.scope, item.subject), subject=item.subject)

    async def import_refunds(self, item: Item) -> None:
        """Take in refunds that somebody else made. Raises what `RefundOutcomes.import_refunds` raises."""
        found = await self.outcomes.import_refunds(item.scope, item.subject)
        if found:
            _LOG.info("refunds_found", payment_id=item.subject, found=found)


@dataclass(frozen=True, slots=True)
class RefundChecks:
    """Asks the processor about refunds nobody told us about (D8)."""

    store: RefundStore
    sending: RefundSending
    outcomes: RefundOutcomes
    clock: Clock
    on_check: OnCheck

    async def check_next(self) -> bool:
        """Check the refund that has been due longest; tell whether there was one."""
        at = self.clock.now()
        claimed = await self.store.claim_due_check(at=at)
        if claimed is None:
            return False
        try:
            refund = await self._check(claimed)
            due = next_check(refund, now=self.clock.now())
            end = "checked"
        except Problem as problem:
            due = retry_of_unreachable(claimed, now=self.clock.now())
            end = problem.code
        # A change of the refund has set its own time meanwhile, and that one stays.
        await self.store.schedule_check(claimed.scope, claimed.id, at=due, leased_at=at)
        self.on_check(end)
        return True

    async def _check(self, claimed: Refund) -> Refund:
        if claimed.gateway_refund_id is None:
            return await self.sending.send_refund(claimed.scope, claimed)
        return await self.outcomes.check_refund(claimed.scope, claimed)


async def _unless_refused(work: Awaitable[Refund | None], *, subject: str) -> Refund | None:
    """Await the work; a refusal is an end that was written down, not a failure of the job."""
    try:
        return await work
    except RefundRefused as refusal:
        _LOG.warning("refund_refused", subject=subject, reason=refusal.details.get("reason"))
        return None
