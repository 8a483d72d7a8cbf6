"""One try of a delivery over HTTP: to a checked address, without redirects, bounded in time and size (W1 to W4).

A name is resolved once, every address that it has is checked, and the connection goes to one of those: a name that
changes its address between check and call gains nothing (W2). What the receiver says beyond its status is thrown away,
so nobody can read through us what we can reach (W5).
"""

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from app.database import refuse_inside_transaction
from app.webhooks.destinations import Destinations

_TOTAL_SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_ANSWER_BYTES = 16 * 1024
_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try ended: the receiver's status, or None with the reason why there is none."""

    status: int | None
    reason: str | None
    milliseconds: int

    @property
    def is_taken(self) -> bool:
        """Tell whether the receiver has taken the message."""
        return self.reason is None


class NotPublic(OSError):
    """A name has an address that must not be called."""


class GuardedResolver(AbstractResolver):
    """Resolves names to addresses that may be called; one bad address among good ones makes all of them bad."""

    def __init__(self, destinations: Destinations, inner: AbstractResolver) -> None:
        """Ask `inner`, then check."""
        self._destinations = destinations
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses. Raises NotPublic, OSError."""
        found = await self._inner.resolve(host, port, family)
        if not all(self._destinations.allows(one["host"]) for one in found):
            raise NotPublic
        return found

    async def close(self) -> None:
        """Close what it asks."""
        await self._inner.close()


class Sender:
    """Sends bodies to endpoints; one for the whole process. `resolver` is for tests."""

    def __init__(
        self,
        destinations: Destinations,
        *,
        resolver: AbstractResolver | None = None,
        total_seconds: float = _TOTAL_SECONDS,
    ) -> None:
        """Connect at the first use."""
        self._destinations = destinations
        self._resolver = resolver
        self._timeout = aiohttp.ClientTimeout(total=total_seconds, connect=_CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST a body and tell how that ended; whatever goes wrong is an answer too."""
        refuse_inside_transaction()
        began = time.monotonic()
        status, reason = await self._status_or_reason(url, headers, body)
        if reason is None and status is not None and not 200 <= status < 300:
            reason = f"status_{status}"
        return Answer(status, reason, int((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _status_or_reason(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int | None, str | None]:
        if (refusal := self._destinations.refusal_of(url)) is not None:
            return None, refusal
        try:
            async with self._opened().post(url, data=body, headers=headers, allow_redirects=False) as answer:
                # Read a little, so that a connection of an ordinary receiver can be used again.
                await answer.content.read(_ANSWER_BYTES)
                return answer.status, None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return None, _reason_of(error)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            inner = self._resolver or aiohttp.ThreadedResolver(loop=asyncio.get_running_loop())
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(self._destinations, inner), use_dns_cache=False, limit=_CONNECTIONS
            )
            options: dict[str, Any] = {"timeout": self._timeout, "trust_env": False, "auto_decompress": False}
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), **options)
        return self._session


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorCertificateError, "tls_failed"),
    (aiohttp.ClientConnectorSSLError, "tls_failed"),
    (aiohttp.ClientConnectorDNSError, "name_unknown"),
    (aiohttp.InvalidURL, "not_an_address"),
    (aiohttp.ClientConnectorError, "connection_failed"),
    (aiohttp.ClientError, "connection_broken"),
)
"""The codes of what can go wrong, the particular before the general."""


def _reason_of(error: Exception) -> str:
    if isinstance(getattr(error, "os_error", None), NotPublic):
        return "not_public"
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "connection_failed")
