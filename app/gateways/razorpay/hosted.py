"""Razorpay's own payment page: a form that brings a customer there, with where they come back to.

The page is Razorpay's whole, so no script of theirs ever runs on a page of ours. The simulator has the same one.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from app.gateways.hosted import HostedForm, HostedRequest

_PATH = "/v1/checkout/embedded"


@dataclass(frozen=True, slots=True)
class RazorpayHostedCheckout:
    """Implements `hosted.HostedCheckout` for Razorpay or its simulator, whichever the base address names."""

    base_url: str

    def form_of(self, asked: HostedRequest) -> HostedForm:
        """Return the form for one order."""
        parts = urlsplit(self.base_url)
        fields = {
            "key_id": asked.key_id,
            "order_id": asked.order_id,
            "amount": str(asked.amount.minor),
            "currency": asked.amount.currency,
            "name": asked.merchant,
            "description": asked.description,
            "callback_url": asked.return_url,
            "cancel_url": asked.leave_url,
        }
        kept = {name: value for name, value in fields.items() if value}
        return HostedForm(url=self.base_url + _PATH, origin=f"{parts.scheme}://{parts.netloc}", fields=kept)
