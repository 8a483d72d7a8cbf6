"""The frame of every page: the navigation, and the sentences that a page may begin with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.auth.models import Permission
from app.kit.errors import catalogue


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation, for those who may see its page."""

    path: str
    label: str
    permission: Permission | None = None

    def is_around(self, path: str) -> bool:
        """Tell whether a page belongs to this entry."""
        return path == self.path or path.startswith(f"{self.path}/")


NAVIGATION: Sequence[Entry] = (
    Entry("/dashboard", "Home", Permission.PAYMENTS_READ),
    Entry("/dashboard/payments", "Payments", Permission.PAYMENTS_READ),
    Entry("/dashboard/links", "Payment links", Permission.PAYMENTS_READ),
    Entry("/dashboard/customers", "Customers", Permission.PAYMENTS_READ),
    Entry("/dashboard/refunds", "Refunds", Permission.PAYMENTS_READ),
    Entry("/dashboard/disputes", "Disputes", Permission.PAYMENTS_READ),
    Entry("/dashboard/settlements", "Settlements", Permission.PAYMENTS_READ),
    Entry("/dashboard/suspense", "Held money", Permission.PAYMENTS_READ),
    Entry("/dashboard/ledger", "Ledger", Permission.PAYMENTS_READ),
    Entry("/dashboard/events", "Processor events", Permission.EVENTS_READ),
    Entry("/dashboard/webhooks", "Webhooks", Permission.EVENTS_READ),
    Entry("/dashboard/notices", "Notices", Permission.EVENTS_READ),
    Entry("/dashboard/keys", "API keys", Permission.KEYS_READ),
    Entry("/dashboard/team", "Team", Permission.USERS_READ),
    Entry("/dashboard/settings", "Settings", Permission.MERCHANT_READ),
    Entry("/dashboard/system", "System", Permission.AUDIT_READ),
)

NOTICES: Mapping[str, str] = {
    "captured": "The payment is captured.",
    "cancelled": "The payment is cancelled. Money that arrives for it now is kept apart.",
    "rechecked": "We asked the processor; what you see is how it is now.",
    "refunded": "The refund is on its way.",
    "refund_requested": "The refund is reserved. The processor has not confirmed it yet; we keep asking.",
    "refund_cancelled": "The refund is cancelled; its amount may be refunded again.",
    "link_created": "The link is made. Send its address to your customer.",
    "link_sent": "The link is made, and is on its way to your customer.",
    "link_resent": "Your systems are told to send the link again.",
    "link_sent_again": "The link is on its way to your customer again.",
    "link_cancelled": "The link is cancelled.",
    "customer_erased": "The customer is erased. What speaks of them is gone through in the background.",
    "dispute_accepted": "The dispute is given up.",
    "dispute_contested": "Your answer is submitted. The bank decides now.",
    "document_added": "The document is added. It is sent to the bank with your answer.",
    "document_removed": "The document is not sent to the bank.",
    "dispute_drafted": "Your evidence is kept as a draft.",
    "comparing": "It is compared again in the background; look again in a moment.",
    "placed": "The money is yours now.",
    "returning": "The money goes back to the customer.",
    "replayed": "The event will be applied again.",
    "test_sent": "A test event is on its way; look again in a moment.",
    "webhook_changed": "The endpoint is changed.",
    "webhook_enabled": "The endpoint is enabled; what waits for it is sent now.",
    "webhook_disabled": "The endpoint is disabled. It is told nothing until you enable it.",
    "webhook_deleted": "The endpoint is deleted.",
    "deliveries_replayed": "The events of these days are sent again.",
    "delivery_resent": "The delivery is sent again.",
    "key_revoked": "The key is revoked. It stops working within seconds.",
    "member_added": "The new member can sign in now.",
    "member_changed": "The member is changed.",
    "session_ended": "The session is ended.",
    "others_ended": "Every other session is ended.",
    "profile_changed": "Your name is changed.",
    "password_changed": "Your password is changed, and every other session is ended.",
    "settings_changed": "The settings are saved.",
    "processor_connected": "The processor account is connected.",
    "signed_out": "You are signed out.",
}
"""What a page says after a form was done, by the word in its address: only these words are known."""


def problem_sentence(code: str) -> str | None:
    """Return the sentence of an error code, or None for a word that is none."""
    if not code:
        return None
    return next((str(problem.message) for problem in catalogue() if problem.code == code), None)
