"""Reads Razorpay's webhooks: the signature over the raw bytes, then the envelope."""

from app.gateways.port import GatewayEvent
from app.gateways.razorpay.translate.events import to_event
from app.gateways.razorpay.wire import read_json
from app.kit.signing import is_signed_by_any


class RazorpayEventReader:
    """The port's `EventReader` for Razorpay; pure."""

    def is_signed(self, body: bytes, signature: str | None, *, secrets: tuple[str, ...]) -> bool:
        """Tell whether the raw body was signed with one of the secrets.

        The bytes are signed as they came: Razorpay's JSON is not canonical, so parsing and writing it again would
        change them (B9).
        """
        return is_signed_by_any(body, signature, secrets=secrets)

    def read(self, body: bytes) -> GatewayEvent:
        """Parse a verified body. Raises ValueError when it is not an event we can read (B14)."""
        return to_event(read_json(body))
