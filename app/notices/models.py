"""Notices as values, and the table of their states. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.kit.scope import Scope
from app.kit.transitions import Transitions
from app.tenants.channels import Channel

KEPT_DAYS = 90


class NoticeKind(StrEnum):
    """What a notice tells."""

    WEBHOOK_GAVE_UP = "webhook_gave_up"
    WEBHOOK_GONE = "webhook_gone"
    DISPUTE_OPENED = "dispute_opened"
    SUSPENSE_OPENED = "suspense_opened"
    PAYMENT_RECEIPT = "payment_receipt"
    REFUND_RECEIPT = "refund_receipt"
    PAYMENT_LINK = "payment_link"

    @property
    def is_for_team(self) -> bool:
        """Tell whether it goes to those who work for the merchant."""
        return self not in SMS_KINDS


SMS_KINDS: Mapping[NoticeKind, str] = {
    NoticeKind.PAYMENT_RECEIPT: "receipt",
    NoticeKind.REFUND_RECEIPT: "refund",
    NoticeKind.PAYMENT_LINK: "link",
}
"""What customers are told, each with the word by which `SMS_URL` names its registered text."""


class NoticeState(StrEnum):
    """Where a notice stands. `sent` is that the carrier has taken it; whether it was read nobody knows."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


TRANSITIONS = Transitions(
    {
        NoticeState.QUEUED: frozenset({NoticeState.SENT, NoticeState.FAILED}),
        NoticeState.SENT: frozenset(),
        # Its job was replayed.
        NoticeState.FAILED: frozenset({NoticeState.SENT}),
    }
)

TOO_MANY = "too_many"
"""Why a notice failed that was beyond what somebody may get in a day."""


@dataclass(frozen=True, slots=True)
class NewNotice:
    """What a room wants told to one person.

    Attributes:
        subject: our id of what it is about.
        cause: what it follows from; one cause tells one person once.
        who: who they are to us: a user's id, `payer` or `customer`.
        to: their address or number, in its one spelling.
        facts: what is put into the text; kept sealed.
    """

    kind: NoticeKind
    channel: Channel
    subject: str
    cause: str
    who: str
    to: str = field(repr=False)
    facts: Mapping[str, str | int | None] = field(repr=False)

    @property
    def key(self) -> str:
        """Return what is unique for the merchant and mode."""
        return f"{self.cause}:{self.kind}:{self.channel}:{self.who}"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it is kept.

    Attributes:
        recipient: a keyed digest of address or number, to count by.
        sealed: address or number and facts; nothing else of a notice is personal.
        tries: how often it was handed to the carrier.
        reason: why the last try failed: a code, never a text from outside.
        carrier_id: the carrier's own id of it.
    """

    id: str
    scope: Scope
    kind: NoticeKind
    channel: Channel
    subject: str
    key: str
    recipient: str = field(repr=False)
    sealed: str = field(repr=False)
    state: NoticeState
    created_at: datetime
    updated_at: datetime
    tries: int = 0
    reason: str | None = None
    carrier_id: str | None = None
    sent_at: datetime | None = None
