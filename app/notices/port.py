"""What carries notices, in our words: small on purpose, so that another service can take the place of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person. The representation shows neither whom it goes to nor what it says.

    Attributes:
        message_id: the same in every try, so that a repetition is known as one.
        sender: the name that it comes from; the address is the mailer's own.
    """

    message_id: str
    sender: str = field(repr=False)
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """A short message to one number, in E.164. The representation shows neither.

    Attributes:
        kind: which of the registered texts it is.
        text: the whole of it.
        values: what is put into the registered text, for a service that has the text itself.
    """

    kind: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


class Refused(Exception):
    """The carrier will never take this; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotTaken(Exception):
    """The carrier has not taken this, or has not said so: it may go out again. `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Mailer(Protocol):
    """Hands mail over to whoever carries it."""

    async def send_mail(self, mail: Mail) -> None:
        """Return once it is taken. Raises Refused, NotTaken."""
        ...


class Texter(Protocol):
    """Hands short messages over to whoever carries them."""

    async def send_text(self, message: ShortMessage) -> str | None:
        """Return the service's own id once it is taken. Raises Refused, NotTaken."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
