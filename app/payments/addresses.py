"""Where a customer pays: the address of each payment's own page, which nobody can guess."""

from dataclasses import dataclass

from app.kit.ids import Prefix, is_id
from app.kit.tokens import SignedIds

CHECKOUT_PATH = "/pay"
PURPOSE = "checkout v1"


@dataclass(frozen=True, slots=True)
class CheckoutAddresses:
    """Makes and reads the addresses of payments' pages."""

    public_address: str
    tokens: SignedIds

    def path_of(self, payment_id: str) -> str:
        """Return the path of a payment's page."""
        return f"{CHECKOUT_PATH}/{self.tokens.token_of(payment_id)}"

    def url_of(self, payment_id: str) -> str:
        """Return the whole address of a payment's page."""
        return self.public_address + self.path_of(payment_id)

    def payment_of(self, token: str) -> str | None:
        """Return the payment of a genuine token, else None."""
        payment_id = self.tokens.id_of(token)
        return payment_id if payment_id is not None and is_id(payment_id, Prefix.PAYMENT) else None
