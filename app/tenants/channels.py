"""By which ways this deployment reaches people: what the operator has set up."""

from dataclasses import dataclass
from enum import StrEnum

from app.kit.errors import Kind, Problem


class Channel(StrEnum):
    """A way to somebody."""

    EMAIL = "email"
    SMS = "sms"


class ChannelNotConfigured(Problem):
    """Somebody asked for what nobody here carries; whoever runs the service can change that."""

    code = "channel_not_configured"
    kind = Kind.CONFLICT
    message = "This service has no carrier for that: e-mail needs MAIL_URL, SMS needs SMS_URL."


@dataclass(frozen=True, slots=True)
class Channels:
    """The ways that have a carrier."""

    open: frozenset[Channel] = frozenset()

    def has(self, channel: Channel) -> bool:
        """Tell whether somebody can be reached so."""
        return channel in self.open

    def require(self, channel: Channel, *, param: str | None = None) -> None:
        """Raise ChannelNotConfigured unless somebody can be reached so."""
        if channel not in self.open:
            raise ChannelNotConfigured(param=param, details={"channel": channel.value})
