"""Announces events and delivers them: bounded, signed, repeated on the measured ladder, given up after a day."""

import asyncio
import functools
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from razorpay_simulator.clock import Clock
from razorpay_simulator.ids import Ids
from razorpay_simulator.journal import Journal
from razorpay_simulator.signatures import sign
from razorpay_simulator.webhooks.models import (
    DISABLED_AFTER_SECONDS,
    LADDER_SECONDS,
    SKIPS_QUICK_RETRY,
    Delivery,
    Endpoint,
    Event,
    Mode,
    Outcome,
    Secret,
)

_KEPT_EVENTS = 20_000
_KEPT_DELIVERIES = 50_000


@dataclass(slots=True)
class Mailbox:
    """What one account has to do with webhooks."""

    account_id: str
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    mode: Mode = field(default_factory=Mode)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_KEPT_EVENTS))
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=_KEPT_DELIVERIES))


@dataclass(slots=True)
class _Job:
    """One event on its way to one endpoint."""

    mailbox: Mailbox
    event: Event
    endpoint: Endpoint
    is_retried: bool = True
    attempt: int = 0
    rung: int = 0
    first_failed_at: float = 0.0


class WebhookEngine:
    """Signs and delivers.

    Args:
        clock: decides when retries are due.
        ids: names the events.
        journal: is told of every delivery.
        timeout_seconds: a slower answer is a failure.
        concurrency: how many deliveries may be under way at once.
    """

    def __init__(self, clock: Clock, ids: Ids, journal: Journal, *, timeout_seconds: float, concurrency: int) -> None:
        self._clock = clock
        self._ids = ids
        self._journal = journal
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._slots = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def emit(self, mailbox: Mailbox, name: str, entities: Mapping[str, dict[str, Any]]) -> Event:
        """Announce an event with snapshots of what it is about, in the given order."""
        now = self._clock.seconds()
        envelope = {
            "entity": "event",
            "account_id": mailbox.account_id,
            "event": name,
            "contains": list(entities),
            "payload": {noun: {"entity": entity} for noun, entity in entities.items()},
            "created_at": now,
        }
        event = Event(
            id=self._ids.bare(),
            account_id=mailbox.account_id,
            name=name,
            body=render(envelope, mailbox.mode),
            created_at=now,
        )
        mailbox.events.append(event)
        for endpoint in mailbox.endpoints.values():
            if endpoint.wants(name):
                self._post(mailbox, event, endpoint)
        return event

    def redeliver(self, mailbox: Mailbox, event: Event) -> int:
        """Send an event again, once to each endpoint that wants it, and return to how many."""
        wanting = [endpoint for endpoint in mailbox.endpoints.values() if endpoint.wants(event.name)]
        for endpoint in wanting:
            job = _Job(mailbox, event, endpoint, is_retried=False)
            self._clock.at(self._clock.now(), functools.partial(self._start, job))
        return len(wanting)

    async def settle(self) -> None:
        """Wait until no delivery is under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def close(self) -> None:
        """Stop delivering."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _post(self, mailbox: Mailbox, event: Event, endpoint: Endpoint) -> None:
        mode = mailbox.mode
        if mode.drops(event.name):
            self._note(_Job(mailbox, event, endpoint), Outcome.DROPPED, None, None)
            return
        for copy in range(1 + mode.duplicate):
            job = _Job(mailbox, event, endpoint, is_retried=copy == 0)
            self._clock.at(self._clock.now() + mode.pause(), functools.partial(self._start, job))

    def _start(self, job: _Job) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, job: _Job) -> None:
        if not job.endpoint.is_active:
            return
        job.attempt += 1
        status, error = None, None
        async with self._slots:
            try:
                status = await self._send(job)
            except (aiohttp.ClientError, OSError, TimeoutError) as failure:
                error = type(failure).__name__
        if status is not None and 200 <= status < 300:
            job.endpoint.failing_since = None
            self._note(job, Outcome.DELIVERED, status, error)
            return
        self._note(job, Outcome.FAILED, status, error)
        self._mark_failing(job.endpoint)
        if job.is_retried:
            self._plan_retry(job, status, error)

    async def _send(self, job: _Job) -> int:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        event = job.event
        headers = {
            "User-Agent": "Razorpay-Webhook/v1",
            "Content-Type": "application/json",
            "Request-Id": event.id,
            "X-Razorpay-Event-Id": event.id,
            "X-Razorpay-Signature": sign(event.body, signing_secret(job.endpoint, job.mailbox.mode.secret)),
            "Accept-Encoding": "gzip",
        }
        url = job.endpoint.url
        async with self._session.post(url, data=event.body, headers=headers, allow_redirects=False) as answer:
            await answer.read()
            return answer.status

    def _plan_retry(self, job: _Job, status: int | None, error: str | None) -> None:
        if job.attempt == 1:
            job.first_failed_at = self._clock.now()
            is_quick = status != 400 and error != "TimeoutError" and job.event.name not in SKIPS_QUICK_RETRY
            job.rung = 0 if is_quick else 1
        if job.rung >= len(LADDER_SECONDS):
            return
        due = job.first_failed_at + LADDER_SECONDS[job.rung]
        job.rung += 1
        self._clock.at(due, functools.partial(self._start, job))

    def _mark_failing(self, endpoint: Endpoint) -> None:
        if endpoint.failing_since is None:
            endpoint.failing_since = self._clock.now()
            check = functools.partial(self._disable, endpoint, endpoint.failing_since)
            self._clock.after(DISABLED_AFTER_SECONDS, check)

    def _disable(self, endpoint: Endpoint, failing_since: float) -> None:
        """Switch off an endpoint that took nothing for a day."""
        if endpoint.failing_since == failing_since and endpoint.is_active:
            endpoint.is_active = False
            endpoint.disabled_at = self._clock.seconds()
            self._journal.write("webhook.disabled", account=endpoint.account_id, endpoint=endpoint.id)

    def _note(self, job: _Job, outcome: Outcome, status: int | None, error: str | None) -> None:
        delivery = Delivery(
            event_id=job.event.id,
            event=job.event.name,
            endpoint_id=job.endpoint.id,
            attempt=job.attempt,
            at=self._clock.now(),
            outcome=outcome,
            status=status,
            error=error,
        )
        job.mailbox.deliveries.append(delivery)
        self._journal.write(
            "webhook.delivery",
            account=job.event.account_id,
            event=job.event.name,
            event_id=job.event.id,
            endpoint=job.endpoint.id,
            attempt=job.attempt,
            outcome=outcome.value,
            status=status,
        )


def render(envelope: dict[str, Any], mode: Mode) -> bytes:
    """Return the bytes of an event; nobody may count on one way of writing JSON (razorpay.md section 9.3)."""
    text = json.dumps(
        envelope, separators=(",", ":"), ensure_ascii=mode.escaped_unicode, sort_keys=mode.alphabetical_keys
    )
    if mode.escaped_slashes:
        text = text.replace("/", "\\/")
    return text.encode()


def signing_secret(endpoint: Endpoint, which: Secret) -> str:
    """Return the secret that a mode asks for; an endpoint that never changed its secret has no old one."""
    if which is Secret.OLD and endpoint.previous_secret is not None:
        return endpoint.previous_secret
    return endpoint.secret + "-not" if which is Secret.WRONG else endpoint.secret
