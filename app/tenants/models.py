"""Merchants as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.kit.scope import Mode


class LatePayments(StrEnum):
    """What to do with money that arrives after a payment expired."""

    ACCEPT = "accept"
    """It completes the payment."""

    SUSPENSE = "suspense"
    """It is kept apart, until somebody decides."""

    REFUND = "refund"
    """It goes back to the customer by itself."""


class SurplusPayments(StrEnum):
    """What to do with captured money that nobody asked for: a second payment, or one after a cancellation."""

    REFUND = "refund"
    """It goes back to the customer by itself."""

    HOLD = "hold"
    """It is kept apart, until somebody decides."""


@dataclass(frozen=True, slots=True)
class MoneySettings:
    """What a merchant wants done with money that comes late or too often."""

    late_payments: LatePayments = LatePayments.ACCEPT
    surplus_payments: SurplusPayments = SurplusPayments.REFUND

    @property
    def accepts_late(self) -> bool:
        """Tell whether money that arrives after expiry completes the payment."""
        return self.late_payments is LatePayments.ACCEPT


class Language(StrEnum):
    """A language that notices are written in."""

    ENGLISH = "en"
    HINDI = "hi"


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """What a merchant wants sent. Receipts are off by default: most merchants send their own.

    Attributes:
        team: whether owners and admins are mailed what needs them.
        email_receipts: whether who paid, or gets money back, is mailed.
        sms_receipts: the same by SMS.
    """

    team: bool = True
    email_receipts: bool = False
    sms_receipts: bool = False
    language: Language = Language.ENGLISH


@dataclass(frozen=True, slots=True)
class NoticeChange:
    """What is changed of the settings; None stays."""

    team: bool | None = None
    email_receipts: bool | None = None
    sms_receipts: bool | None = None
    language: Language | None = None


@dataclass(frozen=True, slots=True)
class ProcessorAccount:
    """A merchant's account at the processor in one mode; secrets are sealed."""

    key_id: str
    sealed_key_secret: str
    gateway_account_id: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """A secret that signs events; a former one is taken until `not_after` (B11)."""

    sealed: str
    not_after: datetime | None = None

    def is_taken(self, now: datetime) -> bool:
        """Tell whether events signed with it are taken at a moment."""
        return self.not_after is None or self.not_after > now


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant: one tenant of the service.

    `return_origins` are where a customer may be sent after a payment; `checkout_secrets` sign what they are sent with,
    sealed, one for each mode that has needed one.
    """

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    money: MoneySettings = field(default_factory=MoneySettings)
    accounts: Mapping[Mode, ProcessorAccount] = field(default_factory=dict)
    webhook_secrets: Mapping[Mode, tuple[WebhookSecret, ...]] = field(default_factory=dict)
    return_origins: tuple[str, ...] = ()
    checkout_secrets: Mapping[Mode, str] = field(default_factory=dict)
    notices: NoticeSettings = field(default_factory=NoticeSettings)


@dataclass(frozen=True, slots=True)
class ProcessorKeys:
    """An opened key pair for the processor. The representation shows no secret."""

    key_id: str
    key_secret: str = field(repr=False)
    mode: Mode = Mode.TEST
