"""The verbs of webhook endpoints: make, change, rotate the secret, delete."""

from dataclasses import dataclass, replace
from datetime import timedelta

from app.audit.service import Actor, Audit
from app.database import Document
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.tenants.vault import Vault
from app.web.paging import Slice, Window
from app.webhooks.destinations import Destinations
from app.webhooks.models import Endpoint, EndpointState, SealedSecret
from app.webhooks.problems import TooManyWebhookEndpoints, WebhookEndpointNotFound, WebhookUrlRefused
from app.webhooks.signing import new_secret
from app.webhooks.store import WebhookStore, secrets_to_documents

MOST_ENDPOINTS = 16
FORMER_SECRET = timedelta(hours=24)
"""For how long deliveries carry the former secret's signature too (W9)."""

_MOST_FORMER = 3


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What is changed of an endpoint; None stays."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    state: EndpointState | None = None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Keeps where a merchant wants to be told."""

    store: WebhookStore
    destinations: Destinations
    vault: Vault
    audit: Audit
    clock: Clock
    ids: Ids

    async def create_endpoint(
        self, scope: Scope, *, actor: Actor, url: str, events: tuple[str, ...], description: str | None
    ) -> tuple[Endpoint, str]:
        """Make an endpoint; return it with its signing secret, which is shown this once.

        Raises:
            WebhookUrlRefused: the address is not one that we may call.
            TooManyWebhookEndpoints.
        """
        self._check(url)
        if len(await self.list_endpoints(scope)) >= MOST_ENDPOINTS:
            raise TooManyWebhookEndpoints(details={"limit": MOST_ENDPOINTS})
        now, endpoint_id, secret = self.clock.now(), self.ids.new(Prefix.ENDPOINT), new_secret()
        endpoint = Endpoint(
            id=endpoint_id,
            scope=scope,
            url=url,
            events=events,
            description=description,
            state=EndpointState.ENABLED,
            secrets=(SealedSecret(self._sealed(endpoint_id, secret)),),
            created_at=now,
            updated_at=now,
        )
        await self.store.insert_endpoint(scope, endpoint)
        await self._record(scope, actor, "webhook_endpoint.created", None, endpoint)
        return endpoint, secret

    async def list_endpoints(self, scope: Scope) -> list[Endpoint]:
        """Return all endpoints of a scope, newest first."""
        return await self.store.list_endpoints(scope, limit=MOST_ENDPOINTS * 2)

    async def page_endpoints(self, scope: Scope, *, window: Window) -> Slice[Endpoint]:
        """Return one page of endpoints, newest first."""
        rows = await self.store.page_endpoints(scope, window=window)
        return Slice.cut(rows, window, id_of=lambda endpoint: endpoint.id)

    async def get_endpoint(self, scope: Scope, endpoint_id: str) -> Endpoint:
        """Return an endpoint. Raises WebhookEndpointNotFound."""
        endpoint = await self.store.find_endpoint(scope, endpoint_id)
        if endpoint is None:
            raise WebhookEndpointNotFound
        return endpoint

    async def update_endpoint(
        self, scope: Scope, endpoint_id: str, change: EndpointChange, *, actor: Actor
    ) -> Endpoint:
        """Change an endpoint; enabling it forgets its failures, so that it is tried at once.

        Raises:
            WebhookEndpointNotFound, WebhookUrlRefused.
        """
        if change.url is not None:
            self._check(change.url)
        before = await self.get_endpoint(scope, endpoint_id)
        wanted = {
            "url": change.url,
            "events": None if change.events is None else list(change.events),
            "description": change.description,
            "state": change.state and change.state.value,
        }
        changes: Document = {field: value for field, value in wanted.items() if value is not None}
        if change.state is EndpointState.ENABLED:
            changes |= {"disabled_reason": None, "failures": 0, "rests_until": None}
        await self.store.update_endpoint(scope, endpoint_id, changes, at=self.clock.now())
        after = await self.get_endpoint(scope, endpoint_id)
        await self._record(scope, actor, "webhook_endpoint.updated", before, after)
        return after

    async def rotate_secret(self, scope: Scope, endpoint_id: str, *, actor: Actor) -> str:
        """Make a new signing secret and return it, once; the former one signs too for a day (W9).

        Raises:
            WebhookEndpointNotFound.
        """
        endpoint = await self.get_endpoint(scope, endpoint_id)
        now, secret = self.clock.now(), new_secret()
        ends = now + FORMER_SECRET
        former = [replace(one, not_after=one.not_after or ends) for one in endpoint.secrets if one.signs(now)]
        secrets = (SealedSecret(self._sealed(endpoint_id, secret)), *former[:_MOST_FORMER])
        await self.store.update_endpoint(scope, endpoint_id, {"secrets": secrets_to_documents(secrets)}, at=now)
        await self._record(scope, actor, "webhook_endpoint.secret_rotated", endpoint, endpoint)
        return secret

    async def delete_endpoint(self, scope: Scope, endpoint_id: str, *, actor: Actor) -> None:
        """Delete an endpoint and what waits for it. Raises WebhookEndpointNotFound."""
        before = await self.get_endpoint(scope, endpoint_id)
        await self.store.delete_endpoint(scope, endpoint_id)
        await self._record(scope, actor, "webhook_endpoint.deleted", before, None)

    def signing_secrets(self, endpoint: Endpoint) -> list[str]:
        """Return the secrets whose signatures a delivery carries now, the current one first."""
        now = self.clock.now()
        return [
            self.vault.open(one.sealed, purpose=_purpose(endpoint.id)) for one in endpoint.secrets if one.signs(now)
        ]

    def _sealed(self, endpoint_id: str, secret: str) -> str:
        return self.vault.seal(secret, purpose=_purpose(endpoint_id))

    def _check(self, url: str) -> None:
        if (refusal := self.destinations.refusal_of(url)) is not None:
            raise WebhookUrlRefused(param="url", details={"reason": refusal})

    async def _record(
        self, scope: Scope, actor: Actor, action: str, before: Endpoint | None, after: Endpoint | None
    ) -> None:
        one = after or before
        target = one.id if one is not None else ""
        await self.audit.record(
            scope.tenant, actor=actor, action=action, target=target, before=_shown(before), after=_shown(after)
        )


def _purpose(endpoint_id: str) -> str:
    return f"webhook-endpoint:{endpoint_id}"


def _shown(endpoint: Endpoint | None) -> dict[str, object]:
    # Not the address: it may carry a key of the receiver's in its query.
    return {} if endpoint is None else {"state": endpoint.state.value, "events": list(endpoint.events)}
