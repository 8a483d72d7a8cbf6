"""The verbs of notices: queue, list, show.

A notice is written in one transaction with the job that sends it, so none is lost; it may arrive twice, when a worker
dies between the carrier's answer and our note of it. A mail's Message-ID is then the same both times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.database import Session
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.notices.events import sending
from app.notices.models import TOO_MANY, NewNotice, Notice, NoticeState
from app.notices.problems import NoticeNotFound, TooManyNotices
from app.notices.sealing import NoticeSecrets, Private
from app.notices.store import NoticeFilter, NoticeStore
from app.outbox.service import Outbox
from app.tenants.channels import Channel, Channels
from app.web.paging import Slice, Window

MOST_A_DAY: Mapping[Channel, int] = {Channel.EMAIL: 50, Channel.SMS: 10}
"""How much of one merchant one recipient gets in 24 hours: nobody shall be pestered through us."""

_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Notices:
    """Writes and shows notices; sending them is `Sending`'s."""

    store: NoticeStore
    secrets: NoticeSecrets
    channels: Channels
    outbox: Outbox
    clock: Clock
    ids: Ids
    sms_a_day: int

    async def queue_notices(self, scope: Scope, asked: Sequence[NewNotice], *, session: Session) -> None:
        """Write notices with the jobs that send them, each once; one beyond the bounds is written as failed."""
        for new in asked:
            await self._queue(scope, new, session=session)

    async def queue_asked(self, scope: Scope, asked: Sequence[NewNotice], *, session: Session) -> None:
        """Write notices that somebody waits for. Raises TooManyNotices: then nothing is to be written."""
        for new in asked:
            if not await self._queue(scope, new, session=session):
                raise TooManyNotices(details={"channel": new.channel.value}, retry_after_seconds=3600)

    async def get_notice(self, scope: Scope, notice_id: str) -> Notice:
        """Return a notice. Raises NoticeNotFound."""
        notice = await self.store.find_notice(scope, notice_id)
        if notice is None:
            raise NoticeNotFound
        return notice

    async def list_notices(self, scope: Scope, *, where: NoticeFilter, window: Window) -> Slice[Notice]:
        """Return one page of notices, newest first."""
        rows = await self.store.list_notices(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda notice: notice.id)

    def recipient_of(self, notice: Notice) -> str | None:
        """Return whom a notice goes to; None when it was sealed with a key that is gone."""
        private = self.secrets.open(notice)
        return None if private is None else private.to

    async def _queue(self, scope: Scope, new: NewNotice, *, session: Session) -> bool:
        """Write one, with its job unless it is beyond the bounds; tell whether it is within them."""
        now, notice_id = self.clock.now(), self.ids.new(Prefix.NOTICE)
        recipient = self.secrets.digest(scope, new.channel, new.to)
        is_within = await self._is_within(scope, new.channel, recipient, session=session)
        notice = Notice(
            id=notice_id,
            scope=scope,
            kind=new.kind,
            channel=new.channel,
            subject=new.subject,
            key=new.key,
            recipient=recipient,
            sealed=self.secrets.seal(scope, notice_id, Private(new.to, new.facts)),
            state=NoticeState.QUEUED if is_within else NoticeState.FAILED,
            reason=None if is_within else TOO_MANY,
            created_at=now,
            updated_at=now,
        )
        is_new = await self.store.insert_notice(scope, notice, session=session)
        if is_new and is_within:
            await self.outbox.add(scope, [sending(notice_id)], session=session)
        return is_within or not is_new

    async def _is_within(self, scope: Scope, channel: Channel, recipient: str, *, session: Session) -> bool:
        since = self.clock.now() - _DAY
        most = MOST_A_DAY[channel]
        known = await self.store.count_recent(scope, since=since, limit=most, recipient=recipient, session=session)
        if known >= most:
            return False
        if channel is not Channel.SMS:
            return True
        most = self.sms_a_day
        # MongoDB takes no limit of nothing.
        return most > 0 and most > await self.store.count_recent(
            scope, since=since, limit=most, channel=channel, session=session
        )
