"""Hands notices to their carriers, outside of any transaction, and writes down how that ended."""

from dataclasses import dataclass

import structlog

from app.kit.clock import Clock
from app.kit.faultpoints import faultpoint
from app.kit.scope import Scope
from app.notices.letters import Letters
from app.notices.models import Notice, NoticeState
from app.notices.port import Mailer, NotTaken, Refused, Texter
from app.notices.problems import NoticeNotSent
from app.notices.sealing import NoticeSecrets
from app.notices.store import NoticeStore
from app.tenants.channels import Channel
from app.tenants.service import Merchants

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends what is queued. A channel without a carrier has None in its place."""

    store: NoticeStore
    secrets: NoticeSecrets
    letters: Letters
    merchants: Merchants
    mailer: Mailer | None
    texter: Texter | None
    clock: Clock

    async def send_notice(self, scope: Scope, notice_id: str, *, is_last: bool) -> None:
        """Send a notice unless it was sent.

        Args:
            scope: whose it is.
            notice_id: which.
            is_last: whether it is not tried again after this.

        Raises:
            NoticeNotSent: the carrier has not taken it.
        """
        notice = await self.store.find_notice(scope, notice_id)
        if notice is None or notice.state is NoticeState.SENT:
            return
        try:
            carrier_id = await self._hand_over(notice)
        except Refused as refused:
            # No other try would end otherwise.
            await self._record_failure(notice, refused.reason, is_last=True)
            return
        except NotTaken as later:
            await self._record_failure(notice, later.reason, is_last=is_last)
            raise NoticeNotSent(details={"reason": later.reason}) from None
        faultpoint("notices.sent")
        await self.store.record_sent(scope, notice.id, at=self.clock.now(), carrier_id=carrier_id)
        faultpoint("notices.noted")

    async def close(self) -> None:
        """Close every connection."""
        if self.texter is not None:
            await self.texter.close()

    async def _hand_over(self, notice: Notice) -> str | None:
        private = self.secrets.open(notice)
        if private is None:
            raise Refused("key_gone")
        merchant = await self.merchants.get_merchant(notice.scope.tenant)
        faultpoint("notices.sending")
        match notice.channel:
            case Channel.EMAIL:
                if self.mailer is None:
                    raise NotTaken("no_carrier")
                await self.mailer.send_mail(self.letters.mail(notice, private, merchant))
                return None
            case Channel.SMS:
                if self.texter is None:
                    raise NotTaken("no_carrier")
                return await self.texter.send_text(self.letters.short_message(notice, private, merchant))

    async def _record_failure(self, notice: Notice, reason: str, *, is_last: bool) -> None:
        at = self.clock.now()
        await self.store.record_failure(notice.scope, notice.id, at=at, reason=reason, is_last=is_last)
        if is_last:
            _LOG.error("notice_failed", notice_id=notice.id, kind=notice.kind.value, reason=reason)
