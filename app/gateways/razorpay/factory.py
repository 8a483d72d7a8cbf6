"""Makes the gateways of all merchants, which share one session, breaker, bulkhead and retry budget per host."""

import random
import ssl

import aiohttp

from app.gateways.port import Credentials
from app.gateways.razorpay.adapter import RazorpayGateway
from app.gateways.razorpay.breaker import BreakerState
from app.gateways.razorpay.calls import CallObserver
from app.gateways.razorpay.transport import Limits, Transport
from app.kit.clock import Clock
from app.kit.scope import Mode

_MOST_CACHED = 4096
_LEAST_CAPTURE_MINUTES = 12
_MOST_CAPTURE_MINUTES = 7200


class RazorpayGateways:
    """Keeps one transport and hands out a gateway per key pair.

    Args:
        base_url: scheme and host of Razorpay or of the simulator, without a path.
        limits: the bounds of every call.
        clock: for deadlines, durations and the breaker.
        rng: where the jitter comes from.
        observer: is told how every call ended.
        automatic_capture_minutes: how long an authorised payment is captured by itself; cut to what Razorpay takes
            (12 to 7200).
        tls: the trust to use instead of the system's; it must verify.
        session: a session to use, which its owner closes; else one is made at the first call.

    Raises:
        ValueError: `tls` would not verify the host.
    """

    def __init__(
        self,
        base_url: str,
        *,
        limits: Limits,
        clock: Clock,
        rng: random.Random,
        observer: CallObserver,
        automatic_capture_minutes: int = 24 * 60,
        tls: ssl.SSLContext | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._transport = Transport(base_url, limits=limits, clock=clock, rng=rng, tls=tls, session=session)
        self._clock = clock
        self._observer = observer
        self._minutes = min(max(automatic_capture_minutes, _LEAST_CAPTURE_MINUTES), _MOST_CAPTURE_MINUTES)
        self._is_encrypted = base_url.startswith("https://")
        self._known: dict[str, tuple[Credentials, RazorpayGateway]] = {}

    @property
    def breaker_state(self) -> BreakerState:
        """Return whether calls to the host may go out, for metrics."""
        return self._transport.breaker.state

    def for_credentials(self, credentials: Credentials) -> RazorpayGateway:
        """Return the gateway for a key pair, the same one each time until the pair changes.

        Raises:
            ValueError: a live key would travel unencrypted.
        """
        known = self._known.get(credentials.key_id)
        if known is not None and known[0] == credentials:
            return known[1]
        if credentials.mode is Mode.LIVE and not self._is_encrypted:
            message = "a live key never travels without TLS"
            raise ValueError(message)
        gateway = RazorpayGateway(
            credentials,
            transport=self._transport,
            clock=self._clock,
            observer=self._observer,
            automatic_capture_minutes=self._minutes,
        )
        if len(self._known) >= _MOST_CACHED:
            del self._known[next(iter(self._known))]
        self._known[credentials.key_id] = (credentials, gateway)
        return gateway

    async def close(self) -> None:
        """Close the session if it is ours. Calls after this raise NeverSent."""
        await self._transport.close()
