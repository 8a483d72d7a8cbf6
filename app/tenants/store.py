"""Every query of merchants. A merchant is its own tenant, so its id is the tenant."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from app.database import Collection, Database, Document, Index, Session
from app.kit.scope import Mode, Scope
from app.tenants.models import (
    Language,
    LatePayments,
    Merchant,
    MoneySettings,
    NoticeChange,
    NoticeSettings,
    ProcessorAccount,
    SurplusPayments,
    WebhookSecret,
)

_MERCHANTS = "merchants"

COLLECTIONS = (
    Collection(
        _MERCHANTS, tuple(Index(f"{mode.value}_key", [(f"accounts.{mode.value}.key_id", 1)]) for mode in sorted(Mode))
    ),
)


@dataclass(frozen=True, slots=True)
class MerchantStore:
    """Reads and writes merchants."""

    database: Database

    async def insert_merchant(self, tenant: str, merchant: Merchant, *, session: Session | None = None) -> None:
        """Store a new merchant."""
        await self._merchants.insert_one({"_id": tenant, **_to_document(merchant)}, session=session)

    async def find_merchant(self, tenant: str) -> Merchant | None:
        """Return a merchant."""
        document = await self._merchants.find_one({"_id": {"$eq": tenant}})
        return None if document is None else _from_document(document)

    async def update_merchant(
        self,
        tenant: str,
        *,
        at: datetime,
        name: str | None = None,
        late_payments: LatePayments | None = None,
        surplus_payments: SurplusPayments | None = None,
        return_origins: tuple[str, ...] | None = None,
        notices: NoticeChange | None = None,
    ) -> None:
        """Change what is given."""
        given = {"name": name, "late_payments": late_payments, "surplus_payments": surplus_payments}
        changes: Document = {field: str(value) for field, value in given.items() if value is not None}
        if return_origins is not None:
            changes["return_origins"] = list(return_origins)
        for field, value in asdict(notices or NoticeChange()).items():
            if value is not None:
                changes[f"notices.{field}"] = value
        changes["updated_at"] = at
        await self._merchants.update_one({"_id": {"$eq": tenant}}, {"$set": changes})

    async def set_account(self, scope: Scope, account: ProcessorAccount, *, at: datetime) -> None:
        """Replace the processor account of one mode."""
        stored = {
            "key_id": account.key_id,
            "key_secret": account.sealed_key_secret,
            "gateway_account_id": account.gateway_account_id,
        }
        await self._merchants.update_one(
            {"_id": {"$eq": scope.tenant}}, {"$set": {f"accounts.{scope.mode.value}": stored, "updated_at": at}}
        )

    async def replace_webhook_secrets(
        self, scope: Scope, former: tuple[WebhookSecret, ...], secrets: tuple[WebhookSecret, ...], *, at: datetime
    ) -> bool:
        """Replace the webhook secrets of one mode, the current one first; tell whether the former were still there.

        Every rotation puts a secret with a nonce of its own first, so the first one tells whether anybody came between.
        """
        field = f"webhook_secrets.{scope.mode.value}"
        unchanged = {f"{field}.0.sealed": {"$eq": former[0].sealed}} if former else {f"{field}.0": {"$exists": False}}
        result = await self._merchants.update_one(
            {"_id": {"$eq": scope.tenant}, **unchanged},
            {"$set": {field: [_secret_to_document(secret) for secret in secrets], "updated_at": at}},
        )
        return result.matched_count == 1

    async def replace_checkout_secret(self, scope: Scope, former: str | None, sealed: str, *, at: datetime) -> bool:
        """Replace the secret that signs the way back to the merchant; tell whether the former one was still there."""
        name = f"checkout_secrets.{scope.mode.value}"
        unchanged = {"$eq": former} if former is not None else {"$exists": False}
        result = await self._merchants.update_one(
            {"_id": {"$eq": scope.tenant}, name: unchanged}, {"$set": {name: sealed, "updated_at": at}}
        )
        return result.matched_count == 1

    async def measure_merchants(self, *, after: str, limit: int) -> list[Merchant]:
        """Return merchants in the order of their ids, behind one: for what is done for every merchant in turn."""
        cursor = self._merchants.find({"_id": {"$gt": after}}).sort([("_id", 1)]).limit(limit)
        return [_from_document(document) async for document in cursor]

    async def measure_borrowers(self, mode: Mode, *, limit: int) -> list[str]:
        """Return merchants without an account of their own in a mode: they use the deployment's."""
        cursor = self._merchants.find({f"accounts.{mode.value}.key_id": None}, {"_id": 1}).limit(limit)
        return [document["_id"] async for document in cursor]

    @property
    def _merchants(self) -> AsyncCollection[Document]:
        return self.database.collection(_MERCHANTS)


def _to_document(merchant: Merchant) -> Document:
    return {
        "name": merchant.name,
        "late_payments": merchant.money.late_payments.value,
        "surplus_payments": merchant.money.surplus_payments.value,
        "accounts": {},
        "webhook_secrets": {
            mode.value: [_secret_to_document(secret) for secret in secrets]
            for mode, secrets in merchant.webhook_secrets.items()
        },
        "created_at": merchant.created_at,
        "updated_at": merchant.updated_at,
    }


def _secret_to_document(secret: WebhookSecret) -> Document:
    return {"sealed": secret.sealed, "not_after": secret.not_after}


def _from_document(document: dict[str, Any]) -> Merchant:
    return Merchant(
        id=document["_id"],
        name=document["name"],
        money=MoneySettings(
            late_payments=LatePayments(document["late_payments"]),
            surplus_payments=SurplusPayments(document.get("surplus_payments", SurplusPayments.REFUND)),
        ),
        accounts={
            Mode(mode): ProcessorAccount(
                key_id=stored["key_id"],
                sealed_key_secret=stored["key_secret"],
                gateway_account_id=stored["gateway_account_id"],
            )
            for mode, stored in document["accounts"].items()
        },
        webhook_secrets={
            Mode(mode): tuple(WebhookSecret(stored["sealed"], stored["not_after"]) for stored in secrets)
            for mode, secrets in document["webhook_secrets"].items()
        },
        return_origins=tuple(document.get("return_origins", ())),
        checkout_secrets={Mode(mode): sealed for mode, sealed in document.get("checkout_secrets", {}).items()},
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        notices=_notices(document.get("notices", {})),
    )


def _notices(stored: dict[str, Any]) -> NoticeSettings:
    default = NoticeSettings()
    return NoticeSettings(
        team=stored.get("team", default.team),
        email_receipts=stored.get("email_receipts", default.email_receipts),
        sms_receipts=stored.get("sms_receipts", default.sms_receipts),
        language=Language(stored.get("language", default.language)),
    )
