"""Who is told of an event, and what: reads the event and looks the people up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.auth.models import User
from app.auth.store import UserStore
from app.disputes.store import DisputeStore
from app.gateways.payer import Payer
from app.kit.clock import to_rfc3339
from app.kit.contacts import plain_email
from app.kit.scope import Scope
from app.notices.models import NewNotice, NoticeKind
from app.notices.sealing import Facts
from app.notices.service import Notices
from app.outbox.handlers import NotYet
from app.outbox.models import Item
from app.payments.events import returned_by
from app.payments.models import Payment, ReviewReason
from app.payments.payers import Payers
from app.payments.store import PaymentStore
from app.tenants.channels import Channel
from app.tenants.models import Merchant
from app.tenants.service import Merchants
from app.webhooks.events import GONE
from app.webhooks.store import WebhookStore

MOST_OF_TEAM = 20
_PAYER_SECONDS = 60.0
_PAYER_LOOKS = 10
_TEAM_NEWS = {"dispute.created": NoticeKind.DISPUTE_OPENED, "suspense.opened": NoticeKind.SUSPENSE_OPENED}
_PAYER_NEWS = {"payment.completed": NoticeKind.PAYMENT_RECEIPT, "refund.processed": NoticeKind.REFUND_RECEIPT}


@dataclass(frozen=True, slots=True)
class Writing:
    """Queues what an event is to be told as."""

    notices: Notices
    merchants: Merchants
    users: UserStore
    payments: PaymentStore
    payers: Payers
    disputes: DisputeStore
    webhooks: WebhookStore

    async def is_wanted(self, scope: Scope, name: str) -> bool:
        """Tell whether anybody is told of events of this name: asked of every event, so from a cache."""
        if name not in _TEAM_NEWS and name not in _PAYER_NEWS:
            return False
        merchant = await self.merchants.find_cached(scope.tenant)
        return merchant is not None and bool(
            self._receipt_channels(merchant) if name in _PAYER_NEWS else self._tells_team(merchant)
        )

    async def write_event(self, scope: Scope, item: Item) -> None:
        """Queue what an event causes. Raises NotYet: it is not known yet who paid."""
        name, facts = item.payload["event"], item.payload["facts"]
        if name in _PAYER_NEWS:
            await self._write_receipt(scope, item, _PAYER_NEWS[name], facts)
            return
        told = await self._facts_for_team(scope, name, facts)
        if told is not None:
            await self._write_to_team(scope, item, _TEAM_NEWS[name], told)

    async def write_stopped(self, scope: Scope, item: Item) -> None:
        """Tell the team that an endpoint missed something for good (W6)."""
        endpoint = await self.webhooks.find_endpoint(scope, item.subject)
        if endpoint is None:
            return
        # The address may carry a key of the receiver's in its path or query.
        facts = {"endpoint_id": endpoint.id, "host": urlsplit(endpoint.url).hostname}
        is_gone = item.payload["reason"] == GONE
        kind = NoticeKind.WEBHOOK_GONE if is_gone else NoticeKind.WEBHOOK_GAVE_UP
        await self._write_to_team(scope, item, kind, facts)

    async def _facts_for_team(self, scope: Scope, name: str, facts: Mapping[str, Any]) -> Facts | None:
        """Return what the team is told, None when there is nothing for them to do."""
        money = {"amount": facts["amount"], "currency": facts["currency"], "payment_id": facts["payment_id"]}
        if name == "suspense.opened":
            merchant = await self.merchants.get_merchant(scope.tenant)
            goes_back = ReviewReason(facts["reason"]) in returned_by(merchant.money)
            return None if goes_back else {**money, "reason": facts["reason"]}
        dispute = await self.disputes.find_dispute(scope, facts["dispute_id"])
        if dispute is None or dispute.is_over:
            return None
        respond_by = None if dispute.respond_by is None else to_rfc3339(dispute.respond_by)
        return {**money, "respond_by": respond_by, "reason": dispute.reason_code}

    async def _write_to_team(self, scope: Scope, item: Item, kind: NoticeKind, facts: Facts) -> None:
        merchant = await self.merchants.get_merchant(scope.tenant)
        if not self._tells_team(merchant):
            return
        team = await self.users.list_in_charge(scope.tenant, limit=MOST_OF_TEAM)
        await self._queue(scope, list(self._to_team(team, item, kind, facts)))

    def _to_team(self, team: list[User], item: Item, kind: NoticeKind, facts: Facts) -> Iterator[NewNotice]:
        for user in team:
            yield NewNotice(kind, Channel.EMAIL, item.subject, item.id, user.id, user.email, facts)

    async def _write_receipt(self, scope: Scope, item: Item, kind: NoticeKind, facts: Mapping[str, Any]) -> None:
        merchant = await self.merchants.get_merchant(scope.tenant)
        channels = self._receipt_channels(merchant)
        payment = await self.payments.find_payment(scope, facts["payment_id"])
        if payment is None or not channels:
            return
        if payment.payer is None and item.deferrals < _PAYER_LOOKS:
            # The processor says who paid with the payment itself, which may reach us behind the news.
            raise NotYet(_PAYER_SECONDS)
        payer = Payer() if payment.payer is None else self.payers.open(scope, payment.payer)
        told = _receipt_facts(payment, kind, facts)
        addresses = {Channel.EMAIL: payer.email and plain_email(payer.email), Channel.SMS: payer.phone}
        await self._queue(
            scope,
            [
                NewNotice(kind, channel, item.subject, item.id, "payer", to, told)
                for channel, to in addresses.items()
                if channel in channels and to
            ],
        )

    async def _queue(self, scope: Scope, asked: list[NewNotice]) -> None:
        database = self.notices.store.database
        await database.transaction(lambda session: self.notices.queue_notices(scope, asked, session=session))

    def _tells_team(self, merchant: Merchant) -> bool:
        return merchant.notices.team and self.notices.channels.has(Channel.EMAIL)

    def _receipt_channels(self, merchant: Merchant) -> frozenset[Channel]:
        wanted = {Channel.EMAIL: merchant.notices.email_receipts, Channel.SMS: merchant.notices.sms_receipts}
        return frozenset(channel for channel, is_on in wanted.items() if is_on and self.notices.channels.has(channel))


def _receipt_facts(payment: Payment, kind: NoticeKind, facts: Mapping[str, Any]) -> Facts:
    is_refund = kind is NoticeKind.REFUND_RECEIPT
    return {
        "amount": facts["amount"] if is_refund else facts["amount_captured"],
        "currency": facts["currency"],
        "payment_id": payment.id,
        "refund_id": facts["refund_id"] if is_refund else None,
        "reference": payment.reference,
        "description": payment.description,
    }
