"""Keeps one answer per `Idempotency-Key` for routes that do not keep their own.

What this promises: of all requests with one key, at most one runs at a time, and after a 2xx every later one gets
that answer byte by byte. A request whose process died, or that ended in a 5xx, leaves its key open; once the lease has
run out a retry runs again. So a route whose effect must never be repeated keeps the key in the document of its
effect instead, in the same write (failure rows A2, A6, A7, A8, A9, A11, A12).
"""

from dataclasses import dataclass

from app.idempotency.models import Answer, KeyState, Lease
from app.idempotency.store import IdempotencyStore
from app.kit.bounds import IDEMPOTENCY_KEY_LENGTH
from app.kit.errors import Kind, Problem
from app.kit.ids import Ids, Prefix
from app.kit.signing import sha256_hex

LEASE_SECONDS = 30
PARAM = "Idempotency-Key"


class IdempotencyKeyMalformed(Problem):
    """The key is empty, too long, or not visible ASCII."""

    code = "idempotency_key_malformed"
    kind = Kind.MALFORMED
    message = f"An Idempotency-Key is 1 to {IDEMPOTENCY_KEY_LENGTH} visible ASCII characters."


class IdempotencyKeyRequired(Problem):
    """The route moves money and takes no request without a key."""

    code = "idempotency_key_required"
    kind = Kind.MALFORMED
    message = "This request needs an Idempotency-Key header."


class IdempotencyKeyReused(Problem):
    """The key was used before with another request."""

    code = "idempotency_key_reused"
    kind = Kind.INVALID
    message = "This Idempotency-Key was used with a different request; nothing was done."


class IdempotencyKeyInUse(Problem):
    """A request with this key is being worked on."""

    code = "idempotency_key_in_use"
    kind = Kind.CONFLICT
    message = "A request with this Idempotency-Key is still being worked on."


class IdempotencyLeaseLost(Problem):
    """The request took longer than its lease and another one took over; that one's answer counts."""

    code = "idempotency_lease_lost"
    kind = Kind.UNAVAILABLE
    message = "The request took too long; repeat it with the same Idempotency-Key to learn its outcome."


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The keeper's verbs."""

    store: IdempotencyStore
    ids: Ids
    lease_seconds: int = LEASE_SECONDS

    async def begin(self, tenant: str, *, mode: str, operation: str, key: str, fingerprint: str) -> Lease | Answer:
        """Return a lease to run the request under, or the answer it got before.

        Args:
            tenant: whose key it is.
            mode: test or live; keys of the two never meet.
            operation: method and path, such as `POST /api/v1/refunds`.
            key: as the client sent it.
            fingerprint: `fingerprint_of` the request.

        Raises:
            IdempotencyKeyMalformed: the key is not 1 to 255 visible ASCII characters.
            IdempotencyKeyReused: the key belongs to a different request.
            IdempotencyKeyInUse: another request holds the lease.
        """
        check_key(key)
        owner = self.ids.new(Prefix.LEASE)
        document = await self.store.claim(
            tenant,
            key_id=sha256_hex(tenant.encode(), mode.encode(), operation.encode(), key.encode()),
            owner=owner,
            fingerprint=fingerprint,
            lease_seconds=self.lease_seconds,
            facts={"mode": mode, "operation": operation},
        )
        if document["owner"] == owner:
            return Lease(tenant=tenant, key_id=document["_id"], owner=owner, attempt=document["attempt"])
        if document["fingerprint"] != fingerprint:
            raise IdempotencyKeyReused(param=PARAM)
        if document["state"] == KeyState.OPEN:
            raise IdempotencyKeyInUse(param=PARAM, retry_after_seconds=1)
        return Answer(status=document["status"], headers=document["headers"], body=bytes(document["body"]))

    async def finish(self, lease: Lease, *, answer: Answer) -> None:
        """Keep the answer. Raises IdempotencyLeaseLost when another request has taken over meanwhile."""
        if not await self.store.finish(lease, answer=answer):
            raise IdempotencyLeaseLost(details={"outcome": "unknown"}, retry_after_seconds=1)

    async def release(self, lease: Lease) -> None:
        """Free the key of a request that was refused: only what was executed binds a key (failure row A11)."""
        await self.store.release(lease)


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """Return the SHA-256 of method, path and raw body: what makes two requests the same one."""
    return sha256_hex(method.encode(), path.encode(), body)


def check_key(key: str) -> None:
    """Raise IdempotencyKeyMalformed unless the key is 1 to 255 visible ASCII characters."""
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_LENGTH or not all("!" <= letter <= "~" for letter in key):
        raise IdempotencyKeyMalformed(param=PARAM)
