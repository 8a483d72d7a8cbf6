"""What the notices API reads and shows: recipients are masked for everybody."""

from typing import Annotated

from pydantic import BaseModel, Field

from app.kit.contacts import masked_email, masked_phone
from app.kit.ids import Prefix
from app.notices.models import Notice, NoticeKind, NoticeState
from app.notices.store import NoticeFilter
from app.tenants.channels import Channel
from app.web.envelope import Timestamp
from app.web.paging import Cursor, PageQuery


class NoticeQuery(PageQuery):
    """Filters of the list of notices."""

    prefix = Prefix.NOTICE

    state: NoticeState | None = None
    kind: NoticeKind | None = None
    channel: Channel | None = None
    subject: Annotated[Cursor | None, Field(description="The id of what the notices are about.")] = None

    def to_filter(self) -> NoticeFilter:
        """Return the filter for the store."""
        return NoticeFilter(state=self.state, kind=self.kind, channel=self.channel, subject=self.subject)


class NoticeRead(BaseModel):
    """A notice to one person. `sent` is that the carrier has taken it; whether it was read nobody knows."""

    id: Annotated[str, Field(examples=["ntc_01KAQ7X2V8M3TZB5C6D9EFGHJK"])]
    kind: NoticeKind
    channel: Channel
    subject: Annotated[str, Field(description="The id of what it is about.")]
    recipient: Annotated[str | None, Field(description="Masked; null when the key that sealed it is gone.")]
    state: NoticeState
    tries: int
    reason: Annotated[str | None, Field(description="Why the last try failed, as a code.")]
    carrier_id: Annotated[str | None, Field(description="The SMS service's own id of it.")]
    livemode: bool
    created_at: Timestamp
    updated_at: Timestamp
    sent_at: Timestamp | None

    @classmethod
    def of(cls, notice: Notice, to: str | None) -> "NoticeRead":
        """Show a notice. Its fields come from our own types, so nothing is validated again."""
        mask = masked_email if notice.channel is Channel.EMAIL else masked_phone
        return cls.model_construct(
            id=notice.id,
            kind=notice.kind,
            channel=notice.channel,
            subject=notice.subject,
            recipient=None if to is None else mask(to),
            state=notice.state,
            tries=notice.tries,
            reason=notice.reason,
            carrier_id=notice.carrier_id,
            livemode=notice.scope.livemode,
            created_at=notice.created_at,
            updated_at=notice.updated_at,
            sent_at=notice.sent_at,
        )
