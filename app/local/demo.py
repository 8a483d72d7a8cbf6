"""`make demo`: a merchant is paid, gives money back, is refused, is paid late, and has it at the bank.

Everything goes through the public API and the simulator's doors, as a merchant's backend and a customer's browser
would do it. The exit status is 0 only when every payment ends in the state it must.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

from app.kit.clock import Clock

Say = Callable[[str], None]

EVENTS = (
    "payment.authorized",
    "payment.captured",
    "payment.failed",
    "order.paid",
    "refund.created",
    "refund.processed",
    "refund.failed",
    "refund.speed_changed",
    "settlement.processed",
)
"""What a merchant of ours lets the processor tell us."""

_AMOUNT = 50000
_PATIENCE_SECONDS = 60
_LOOK_SECONDS = 0.1
_LATE_SECONDS = 2


class DemoFailed(RuntimeError):
    """Something was not as it must be; the sentence says what."""


@dataclass(slots=True)
class _Door:
    """A JSON API with credentials."""

    base_url: str
    session: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        """Return the answer's JSON. Raises DemoFailed for anything but 2xx."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        async with self.session.request(method, self.base_url + path, json=body, headers=headers) as answer:
            content: dict[str, Any] = await answer.json(content_type=None)
            if not answer.ok:
                code = (content.get("error") or {}).get("code", "")
                message = f"{method} {path} answered {answer.status} {code}".rstrip()
                raise DemoFailed(message)
            return content

    def sign_in(self, scheme: str, credentials: str) -> None:
        """Send these credentials from now on."""
        self.headers["Authorization"] = f"{scheme} {credentials}"


@dataclass(slots=True)
class Demo:
    """The five stories. `say` prints one line."""

    api_url: str
    simulator_url: str
    clock: Clock
    say: Say
    _account: Mapping[str, Any] = field(init=False)
    _session: aiohttp.ClientSession = field(init=False)
    _api: _Door = field(init=False)
    _simulator: _Door = field(init=False)

    async def __aenter__(self) -> Self:
        """Open the connections."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        self._api = _Door(f"{self.api_url}/api/v1", self._session)
        self._simulator = _Door(self.simulator_url, self._session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._session.close()

    async def run(self) -> None:
        """Tell all five stories. Raises DemoFailed."""
        try:
            await self._become_merchant()
            paid = await self._story_paid()
            await self._story_refunded(paid)
            await self._story_failed()
            await self._story_late()
            await self._story_settled()
        except aiohttp.ClientConnectionError:
            message = f"nothing answers at {self.api_url} or {self.simulator_url}; start it first: make run"
            raise DemoFailed(message) from None

    async def _become_merchant(self) -> None:
        self.say("A merchant signs up")
        account = self._account = await self._simulator.ask("POST", "/_sim/accounts", {})
        email, password = f"demo-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(16)
        await self._api.ask(
            "POST",
            "/auth/signup",
            {"email": email, "password": password, "full_name": "Asha Demo", "merchant_name": "Demo Tickets"},
        )
        self._step("signed up", email)
        tokens = await self._api.ask("POST", "/auth/signin", {"email": email, "password": password})
        self._api.sign_in("Bearer", tokens["data"]["access_token"])
        self._step("signed in", "a short access token and a rotating refresh token")
        await self._api.ask(
            "PUT", "/merchant/processor", {"key_id": account["key_id"], "key_secret": account["key_secret"]}
        )
        self._step("processor connected", account["key_id"])
        await self._register_webhook(account)
        created = await self._api.ask("POST", "/api-keys", {"name": "demo", "mode": "test"})
        self._api.sign_in("Bearer", created["data"]["secret"])
        self._step("API key made", f"{created['data']['id']}; its secret is shown once")

    async def _register_webhook(self, account: Mapping[str, Any]) -> None:
        """Do what a merchant does in the processor's dashboard: register our endpoint with its secret."""
        merchant = (await self._api.ask("GET", "/merchant"))["data"]
        rotated = (await self._api.ask("POST", "/merchant/webhook-secret/rotate", {"mode": "test"}))["data"]
        basic = aiohttp.encode_basic_auth(account["key_id"], account["key_secret"])
        processor = _Door(self.simulator_url, self._session, {"Authorization": basic})
        await processor.ask(
            "POST",
            "/v1/webhooks",
            {
                "url": f"{self.api_url}/api/v1/webhooks/razorpay/{merchant['id']}",
                "secret": rotated["secret"],
                "events": list(EVENTS),
                "active": True,
            },
        )
        self._step("webhook registered", f"/api/v1/webhooks/razorpay/{merchant['id']}")

    async def _story_paid(self) -> dict[str, Any]:
        self.say("A customer pays ₹500.00, and the merchant captures it")
        payment = await self._create("Two tickets", capture_method="manual")
        paid = await self._pay(payment, {"method": "card", "outcome": "success"})
        self._step("customer paid by card", paid["razorpay_payment_id"])
        callback = {name: paid[name] for name in _CALLBACK}
        await self._api.ask("POST", f"/payments/{payment['id']}/verify", callback)
        self._step("callback verified", "the signature is over our own order id")
        authorized = await self._wait_for(payment["id"], "authorized")
        self._step("authorised", "the bank holds the money")
        await self._wait_for_webhook("payment.authorized")
        captured = await self._api.ask("POST", f"/payments/{payment['id']}/capture", key=secrets.token_urlsafe(16))
        self._step("captured", f"₹{captured['data']['amount_captured'] / 100:.2f} of {authorized['payment_id']}")
        await self._wait_for_webhook("payment.captured")
        final = await self._wait_for(payment["id"], "completed")
        self._show_history(final)
        _expect(final["amount_captured"] == _AMOUNT, "the whole amount must be captured")
        await self._show_entries(final, "capture", "fee")
        return final

    async def _story_refunded(self, payment: Mapping[str, Any]) -> None:
        self.say("The customer returns one ticket, and then the other")
        part = await self._refund(payment, {"amount": 20000, "reason": "One ticket returned"})
        shown = await self._wait_for(payment["id"], "partially_refunded")
        self._step("=> partially_refunded", f"₹{shown['amount_refundable'] / 100:.2f} may still be refunded")
        await self._wait_for_webhook("refund.processed")
        rest = await self._refund(payment, {})
        _expect(rest["amount"] == _AMOUNT - part["amount"], "without an amount, everything that is left goes back")
        final = await self._wait_for(payment["id"], "refunded")
        self._step("=> refunded", f"₹{final['amount_refunded'] / 100:.2f} in two refunds")
        await self._show_entries(final, "refund", "refund_payout")

    async def _refund(self, payment: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """Refund with a key, and once more with the same one."""
        key, path = secrets.token_urlsafe(16), f"/payments/{payment['id']}/refunds"
        answer = await self._api.ask("POST", path, body, key=key)
        again = await self._api.ask("POST", path, body, key=key)
        _expect(answer == again, "a repeated Idempotency-Key must give the very same answer")
        refund: dict[str, Any] = answer["data"]
        amount = f"₹{refund['amount'] / 100:.2f}"
        self._step("refunded", f"{amount}: {refund['id']} is {refund['status']}; repeating the key changed nothing")
        return refund

    async def _story_failed(self) -> None:
        self.say("A customer's bank declines")
        payment = await self._create("One ticket")
        await self._pay(payment, {"method": "card", "outcome": "failure"}, may_fail=True)
        final = await self._wait_for(payment["id"], "failed")
        self._show_history(final)
        _expect(final["amount_captured"] == 0, "a failed payment captures nothing")

    async def _story_late(self) -> None:
        self.say(f"A bank says no, and yes {_LATE_SECONDS} seconds later")
        payment = await self._create("A late ticket")
        declined = await self._pay(payment, {"method": "upi", "outcome": "failure"}, may_fail=True)
        await self._wait_for(payment["id"], "failed")
        self._step("failed, for now", "failed is not final: the processor may authorise up to three days late")
        # Counted from here: else `failed` may be over before anybody saw it.
        await asyncio.sleep(_LATE_SECONDS)
        await self._simulator.ask("POST", f"/_sim/payments/{declined['payment']['id']}/authorize", {})
        final = await self._wait_for(payment["id"], "completed")
        self._show_history(final)
        _expect(final["amount_captured"] == _AMOUNT, "the late money must be captured")

    async def _story_settled(self) -> None:
        self.say("The processor pays what it holds to the merchant's bank")
        made = await self._simulator.ask("POST", "/_sim/settlements", {"key_id": self._account["key_id"]})
        self._step("settled", f"₹{made['amount'] / 100:.2f} under {made['utr']}")
        await self._wait_for_webhook("settlement.processed")
        (settlement,) = (await self._api.ask("GET", "/settlements"))["data"]["items"]
        path = f"/settlements/{settlement['id']}"
        await self._api.ask("POST", f"{path}/reconcile")
        deadline = self.clock.monotonic() + _PATIENCE_SECONDS
        while settlement["agreement"] == "pending" and self.clock.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            settlement = (await self._api.ask("GET", path))["data"]
        for line in (await self._api.ask("GET", f"{path}/lines"))["data"]["items"]:
            moved = (line["credit"] - line["debit"]) / 100
            about = line["refund_id"] or line["payment_id"]
            self._step(f"  {line['kind']}", f"₹{moved:>8.2f}, fee ₹{line['fee'] / 100:.2f}: {about}")
        _expect(settlement["agreement"] == "agreed", "every line must be as it is known here")
        self._step("=> agreed", "each line is as it is known here, and they make up the amount")

    async def _create(self, description: str, *, capture_method: str = "automatic") -> dict[str, Any]:
        body = {
            "amount": _AMOUNT,
            "currency": "INR",
            "description": description,
            "capture_method": capture_method,
        }
        key = secrets.token_urlsafe(16)
        answer = await self._api.ask("POST", "/payments", body, key=key)
        again = await self._api.ask("POST", "/payments", body, key=key)
        _expect(answer == again, "a repeated Idempotency-Key must give the very same answer")
        payment: dict[str, Any] = answer["data"]
        self._step("created", f"{payment['id']} with order {payment['order_id']}; repeating the key changed nothing")
        return payment

    async def _pay(
        self, payment: Mapping[str, Any], how: Mapping[str, Any], *, may_fail: bool = False
    ) -> dict[str, Any]:
        path = f"/_sim/orders/{payment['order_id']}/pay"
        async with self._session.post(self.simulator_url + path, json=how) as answer:
            content: dict[str, Any] = await answer.json(content_type=None)
        if not may_fail:
            _expect("razorpay_signature" in content, "the simulator must take this payment")
        return content

    async def _wait_for(self, payment_id: str, status: str) -> dict[str, Any]:
        """Look until the payment has the status. Raises DemoFailed when patience ends."""
        deadline = self.clock.monotonic() + _PATIENCE_SECONDS
        while True:
            payment: dict[str, Any] = (await self._api.ask("GET", f"/payments/{payment_id}"))["data"]
            if payment["status"] == status:
                return payment
            if self.clock.monotonic() > deadline:
                message = f"{payment_id} is {payment['status']} after {_PATIENCE_SECONDS:.0f} s; it must be {status}"
                raise DemoFailed(message)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _wait_for_webhook(self, event_type: str) -> None:
        """Wait until the processor's own word has arrived and been applied. Raises DemoFailed."""
        deadline = self.clock.monotonic() + _PATIENCE_SECONDS
        while self.clock.monotonic() < deadline:
            found = (await self._api.ask("GET", f"/events?state=applied&type={event_type}"))["data"]["items"]
            if found:
                self._step("webhook received", f"{event_type}: signed, stored once, applied by the worker")
                return
            await asyncio.sleep(_LOOK_SECONDS)
        message = f"no webhook {event_type} was applied within {_PATIENCE_SECONDS:.0f} s"
        raise DemoFailed(message)

    def _show_history(self, payment: Mapping[str, Any]) -> None:
        for entry in payment["history"]:
            self._step(f"  {entry['event']}", f"by {entry['source']}, payment {entry['status']}")
        captured = f"{payment['amount_captured'] / 100:.2f}"
        self._step(f"=> {payment['status']}", f"captured ₹{captured}")

    async def _show_entries(self, payment: Mapping[str, Any], *causes: str) -> None:
        """Show what was booked for these causes: each entry with both of its sides, oldest first."""
        found = (await self._api.ask("GET", f"/ledger/entries?payment_id={payment['id']}"))["data"]["items"]
        for cause in causes:
            booked = [entry["legs"] for entry in found[::-1] if entry["cause"] == cause]
            _expect(bool(booked), f"there must be a ledger entry for the {cause}")
            for leg in (leg for legs in booked for leg in legs):
                self._step(f"  booked {cause}", f"{leg['side']:<6} {leg['account']:<20} ₹{leg['amount'] / 100:>8.2f}")

    def _step(self, what: str, detail: str) -> None:
        self.say(f"  {what:<24} {detail}")


_CALLBACK = ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")


def _expect(holds: bool, sentence: str) -> None:  # noqa: FBT001  reads as an assertion
    if not holds:
        raise DemoFailed(sentence)
