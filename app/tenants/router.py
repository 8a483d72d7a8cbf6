"""Merchants over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.audit.models import Actor
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.tenants.returns import Returns
from app.tenants.schemas import (
    CheckoutSecretRead,
    CheckoutSecretRotate,
    MerchantRead,
    MerchantUpdate,
    ProcessorConnect,
    WebhookSecretRead,
    WebhookSecretRotate,
)
from app.tenants.service import Merchants
from app.web.envelope import Success, ok
from app.web.principal import CurrentPrincipal, Principal
from app.web.route import Route

router = APIRouter(tags=["Merchant"], route_class=Route)


async def _merchants(request: Request) -> Merchants:
    service: Merchants = request.app.state.merchants
    return service


async def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


async def _returns(request: Request) -> Returns:
    returns: Returns = request.app.state.returns
    return returns


Service = Annotated[Merchants, Depends(_merchants)]
Ways = Annotated[Returns, Depends(_returns)]
Now = Annotated[Clock, Depends(_clock)]


def _actor(principal: Principal) -> Actor:
    return Actor(kind=principal.subject_kind.value, id=principal.subject_id)


@router.get("/merchant", summary="Fetch your merchant")
async def merchant_get(principal: CurrentPrincipal, merchants: Service, clock: Now) -> Success[MerchantRead]:
    """Return the merchant with its processor accounts and the webhook path to register."""
    merchant = await merchants.get_merchant(principal.tenant)
    return ok(MerchantRead.of(merchant, merchants.channels), "Merchant.", now=clock.now())


@router.patch("/merchant", summary="Change your merchant")
async def merchant_update(
    body: MerchantUpdate, principal: CurrentPrincipal, merchants: Service, clock: Now
) -> Success[MerchantRead]:
    """Change the name, what happens to unexpected money, where customers may return, and which notices go."""
    merchant = await merchants.update_merchant(
        principal.scope,
        actor=_actor(principal),
        name=body.name,
        late_payments=body.late_payments,
        surplus_payments=body.surplus_payments,
        return_origins=body.return_origins,
        notices=None if body.notices is None else body.notices.to_change(),
    )
    return ok(MerchantRead.of(merchant, merchants.channels), "Merchant changed.", now=clock.now())


@router.put("/merchant/processor", summary="Connect your Razorpay account", openapi_extra={"x-idempotency": "none"})
async def merchant_processor_connect(
    body: ProcessorConnect, principal: CurrentPrincipal, merchants: Service, clock: Now
) -> Success[MerchantRead]:
    """Store the key pair for the mode that its prefix selects. The secret is sealed and never shown again."""
    merchant = await merchants.connect_processor(
        principal.scope,
        actor=_actor(principal),
        key_id=body.key_id,
        key_secret=body.key_secret,
        gateway_account_id=body.gateway_account_id,
    )
    return ok(MerchantRead.of(merchant, merchants.channels), "Processor account connected.", now=clock.now())


@router.post(
    "/merchant/webhook-secret/rotate", summary="Rotate the webhook secret", openapi_extra={"x-idempotency": "none"}
)
async def merchant_webhook_secret_rotate(
    principal: CurrentPrincipal, merchants: Service, clock: Now, body: WebhookSecretRotate | None = None
) -> Success[WebhookSecretRead]:
    """Make a new secret and show it, once. Events signed with a former one are taken for eight more days."""
    mode = body.mode if body and body.mode else principal.mode
    secret = await merchants.rotate_webhook_secret(Scope(principal.tenant, mode), actor=_actor(principal))
    return ok(WebhookSecretRead(mode=mode, secret=secret), "Register this secret at the processor.", now=clock.now())


@router.post(
    "/merchant/checkout-secret/reveal",
    summary="Show the secret that signs customers' returns",
    openapi_extra={"x-idempotency": "none"},
)
async def merchant_checkout_secret_reveal(
    principal: CurrentPrincipal, returns: Ways, clock: Now
) -> Success[CheckoutSecretRead]:
    """Return the secret with which your site checks the result that a customer brings back. The audit log notes it."""
    secret = await returns.reveal_secret(principal.scope, actor=_actor(principal))
    return ok(CheckoutSecretRead(mode=principal.mode, secret=secret), "Keep this on your server.", now=clock.now())


@router.post(
    "/merchant/checkout-secret/rotate",
    summary="Replace the secret that signs customers' returns",
    openapi_extra={"x-idempotency": "none"},
)
async def merchant_checkout_secret_rotate(
    principal: CurrentPrincipal, returns: Ways, clock: Now, body: CheckoutSecretRotate | None = None
) -> Success[CheckoutSecretRead]:
    """Make a new secret. Customers who are on their way were sent with the former one: take both for an hour."""
    mode = body.mode if body and body.mode else principal.mode
    secret = await returns.rotate_secret(Scope(principal.tenant, mode), actor=_actor(principal))
    return ok(CheckoutSecretRead(mode=mode, secret=secret), "Check returns with this secret.", now=clock.now())
