"""What the merchant API reads and shows. Secrets go in, never out (a rotated webhook secret: once)."""

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.kit.scope import Mode
from app.tenants.channels import Channel, Channels
from app.tenants.models import Language, LatePayments, Merchant, NoticeChange, SurplusPayments
from app.web.envelope import Timestamp

MerchantName = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=120)]
KeyId = Annotated[str, StringConstraints(strict=True, pattern=r"^rzp_(test|live)_[A-Za-z0-9]{4,64}$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoticesUpdate(_In):
    """Which notices are sent; what is left out stays."""

    team: Annotated[
        bool | None, Field(strict=True, description="Whether owners and admins are mailed what needs them.")
    ] = None
    email_receipts: Annotated[
        bool | None, Field(strict=True, description="Whether whoever paid, or gets money back, is mailed.")
    ] = None
    sms_receipts: Annotated[bool | None, Field(strict=True, description="The same by SMS.")] = None
    language: Language | None = None

    def to_change(self) -> NoticeChange:
        """Return what the service needs."""
        return NoticeChange(**self.model_dump())


class MerchantUpdate(_In):
    """What may be changed; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Corner Shop"}]})

    name: MerchantName | None = None
    late_payments: LatePayments | None = None
    surplus_payments: SurplusPayments | None = None
    return_origins: Annotated[
        list[Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]] | None,
        Field(
            max_length=20,
            description="Where a customer may be sent after a payment: origins such as https://shop.example.com. "
            "http is for localhost alone, in test mode.",
        ),
    ] = None
    notices: NoticesUpdate | None = None


class ProcessorConnect(_In):
    """The merchant's key pair at Razorpay. The key's prefix selects test or live."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"key_id": "rzp_test_AbCdEfGhIjKlMn", "key_secret": "the-secret-beside-the-key"}]
        }
    )

    key_id: KeyId
    key_secret: Annotated[str, StringConstraints(strict=True, min_length=8, max_length=128)]
    gateway_account_id: Annotated[
        str | None,
        StringConstraints(strict=True, pattern=r"^acc_[A-Za-z0-9]{1,32}$"),
        Field(description="When set, events of any other account are quarantined."),
    ] = None


class WebhookSecretRotate(_In):
    """Which mode's secret to rotate; the caller's own mode when left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mode": "test"}]})

    mode: Mode | None = None


class AccountRead(BaseModel):
    """A connected processor account, without its secret."""

    mode: Mode
    key_id: str
    gateway_account_id: str | None


class NoticesRead(BaseModel):
    """Which notices are sent. `channels` are those that this service has a carrier for; the others send nothing."""

    team: bool
    email_receipts: bool
    sms_receipts: bool
    language: Language
    channels: list[Channel]


class MerchantRead(BaseModel):
    """A merchant."""

    id: str
    name: str
    late_payments: LatePayments
    surplus_payments: SurplusPayments
    return_origins: list[str]
    notices: NoticesRead
    accounts: list[AccountRead]
    webhook_path: Annotated[str, Field(description="Register this path of your public address at the processor.")]
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, merchant: Merchant, channels: Channels) -> "MerchantRead":
        """Show a merchant."""
        return cls(
            id=merchant.id,
            name=merchant.name,
            late_payments=merchant.money.late_payments,
            surplus_payments=merchant.money.surplus_payments,
            return_origins=list(merchant.return_origins),
            notices=NoticesRead(**asdict(merchant.notices), channels=sorted(channels.open)),
            accounts=[
                AccountRead(mode=mode, key_id=account.key_id, gateway_account_id=account.gateway_account_id)
                for mode, account in sorted(merchant.accounts.items())
            ],
            webhook_path=f"/api/v1/webhooks/razorpay/{merchant.id}",
            created_at=merchant.created_at,
            updated_at=merchant.updated_at,
        )


class WebhookSecretRead(BaseModel):
    """A new webhook secret, shown this once."""

    mode: Mode
    secret: str


class CheckoutSecretRotate(_In):
    """Which mode's secret to replace; the caller's own mode when left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mode": "test"}]})

    mode: Mode | None = None


class CheckoutSecretRead(BaseModel):
    """The secret that signs what a customer brings back to the merchant's site."""

    mode: Mode
    secret: str
