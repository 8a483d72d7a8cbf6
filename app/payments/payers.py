"""Who paid, as a payment keeps it: sealed, so that no document, log or event shows it to whoever looks there."""

import json
from dataclasses import dataclass, replace

from app.gateways.payer import Payer
from app.gateways.port import GatewayPayment
from app.kit.contacts import plain_email, plain_phone
from app.kit.scope import Scope
from app.payments.models import ERASED, Payment
from app.tenants.vault import SealBroken, Vault


@dataclass(frozen=True, slots=True)
class Payers:
    """Seals who paid, and opens it again."""

    vault: Vault

    def learn(self, payment: Payment, snapshot: GatewayPayment) -> Payment:
        """Return the payment with who paid it, if this is the attempt that did and says so; the first word stays."""
        primary = payment.primary
        if payment.payer is not None or not snapshot.payer or primary is None or primary.id != snapshot.id:
            return payment
        payer = plain_payer(email=snapshot.payer.email, phone=snapshot.payer.phone)
        return replace(payment, payer=self.seal(payment.scope, payer)) if payer else payment

    def seal(self, scope: Scope, payer: Payer) -> str:
        """Return who it is as it may be stored."""
        return self.vault.seal(json.dumps([payer.email, payer.phone]), purpose=_purpose(scope))

    def open(self, scope: Scope, sealed: str) -> Payer:
        """Return who it is; nobody when they were erased, or sealed with a key that is gone."""
        if sealed == ERASED:
            return Payer()
        try:
            email, phone = json.loads(self.vault.open(sealed, purpose=_purpose(scope)))
        except SealBroken:
            return Payer()
        return Payer(email=email, phone=phone)


def plain_payer(*, email: str | None = None, phone: str | None = None) -> Payer:
    """Return who it is in the one spelling that is stored and compared; what is no address or number is left out."""
    return Payer(
        email=None if email is None else plain_email(email), phone=None if phone is None else plain_phone(phone)
    )


def _purpose(scope: Scope) -> str:
    return f"payer {scope.tenant} {scope.mode.value}"
