"""What was sent, kept in memory: the last few hundred messages."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

MOST_KEPT = 500


@dataclass(frozen=True, slots=True)
class Message:
    """A mail or a short message as it came in. `service` is who was asked: smtp, msg91 or twilio."""

    id: str
    service: str
    sender: str
    to: str
    received_at: str
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as the JSON door shows it."""
        return asdict(self)


@dataclass(slots=True)
class Box:
    """The messages, the newest first, and what is answered next.

    Attributes:
        smtp_answers: SMTP answers such as `451 4.3.0 Later` that the next mails get in the place of being taken.
        sms_answers: HTTP statuses that the next short messages get so.
    """

    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    smtp_answers: deque[str] = field(default_factory=deque)
    sms_answers: deque[int] = field(default_factory=deque)
    taken: int = 0

    def put(self, **facts: Any) -> Message:
        """Keep a message; the oldest goes when there are too many."""
        self.taken += 1
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        message = Message(id=f"{self.taken:032x}", received_at=now, **facts)
        self.messages.appendleft(message)
        return message

    def find(self, message_id: str) -> Message | None:
        """Return a message that is still kept."""
        return next((message for message in self.messages if message.id == message_id), None)

    def to(self, recipient: str) -> list[Message]:
        """Return what somebody got, the newest first."""
        return [message for message in self.messages if message.to == recipient]
