"""API keys over HTTP."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from app.auth.dependencies import Door
from app.auth.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyQuery, ApiKeyRead, ApiKeyRoll
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal
from app.web.route import Route

router = APIRouter(prefix="/api-keys", tags=["API keys"], route_class=Route)

_UNKEPT = {"x-idempotency": "none"}


@router.post("", status_code=201, openapi_extra=_UNKEPT, summary="Create an API key")
async def api_keys_create(body: ApiKeyCreate, principal: CurrentPrincipal, door: Door) -> Success[ApiKeyCreated]:
    """Make a key for one mode and show its secret, once."""
    made = await door.keys.create_key(
        principal, name=body.name, mode=body.mode, scopes=body.scopes, expires_at=body.expires_at
    )
    return ok(ApiKeyCreated.of_new(made), "Keep the secret: it is not shown again.", now=door.clock.now())


@router.get("", summary="List API keys")
async def api_keys_list(
    query: Annotated[ApiKeyQuery, Query()], principal: CurrentPrincipal, door: Door
) -> Success[Page[ApiKeyRead]]:
    """Return the merchant's keys of both modes, newest first."""
    found = await door.keys.list_keys(principal.tenant, window=query.window())
    return ok(found.read(ApiKeyRead.of), "API keys.", now=door.clock.now())


@router.delete("/{key_id}", openapi_extra=_UNKEPT, summary="Revoke an API key")
async def api_keys_revoke(key_id: str, principal: CurrentPrincipal, door: Door) -> Success[ApiKeyRead]:
    """End a key; it stops working within seconds."""
    key = await door.keys.revoke_key(principal, key_id)
    return ok(ApiKeyRead.of(key), "The key is revoked.", now=door.clock.now())


@router.post("/{key_id}/roll", status_code=201, openapi_extra=_UNKEPT, summary="Roll an API key")
async def api_keys_roll(
    key_id: str, principal: CurrentPrincipal, door: Door, body: ApiKeyRoll | None = None
) -> Success[ApiKeyCreated]:
    """Make a successor and show its secret, once; the old key works until the overlap is over."""
    overlap = timedelta(hours=(body or ApiKeyRoll()).overlap_hours)
    made = await door.keys.roll_key(principal, key_id, overlap=overlap)
    return ok(ApiKeyCreated.of_new(made), "Keep the secret: it is not shown again.", now=door.clock.now())
