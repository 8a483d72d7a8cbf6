"""One world of a run: the product's own services on a database, a network and a processor that are played.

Only what lies outside the product is played. Payments, inbox, refunds, books and outbox are the classes that wiring
joins, so that what is tried here is what runs; a mutant puts a broken class in the place of one of them (`Cast`).
"""

import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from app.gateways.port import GatewayEvent
from app.kit.clock import MovableClock
from app.kit.errors import Problem
from app.kit.ids import SequentialIds
from app.recovery.models import Swept
from app.recovery.tasks import Enrolment
from app.tenants.models import LatePayments, MoneySettings, SurplusPayments
from tests.simulation.database import Database
from tests.simulation.house import COLLECTIONS, LANES, SCOPE, SWEEPS, Cast, House, Janitor, Lane
from tests.simulation.loop import Host, Loop
from tests.simulation.network import Mail, Reader, Weather
from tests.simulation.processor import Manners, Processor
from tests.simulation.walks import Walks

T = TypeVar("T")

_PATIENCE_SECONDS = 20.0
_TROUBLE_SECONDS = 1.0
_API_HOSTS, _WORKER_HOSTS = 2, 2


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the history: when, on which host, and what."""

    second: float
    host: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.second:10.1f}s  {self.host:9} {' '.join(word for word in self.words if word)}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back of a request: a value, the product's error, or (neither) a connection that was cut."""

    value: Any = None
    error: Exception | None = None
    is_cut: bool = False

    @property
    def is_ok(self) -> bool:
        """Tell whether it is a 2xx."""
        return self.error is None and not self.is_cut


class World:
    """Everything of one run, made from one number."""

    def __init__(self, seed: int, *, janitor: Janitor, cast: Cast | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(seed)  # noqa: S311  the same chance again, not secrecy
        self.cast = cast or Cast()
        self.janitor = janitor
        self.clock = MovableClock()
        self.start = self.clock.now()
        self.loop = Loop(self.clock)
        self.ids = SequentialIds()
        self.weather = _weather(self.rng, janitor=janitor)
        self.notes: list[Note] = []
        self.defects: list[object] = []
        self.answers: dict[str, list[bytes]] = {}
        self.broken_promises: list[str] = []
        self.shown_orders: dict[str, set[str]] = {}
        self.nature = Host("nature")
        self.apis: list[Host] = []
        self.workers: list[Host] = []
        self.houses: dict[str, House] = {}
        self.resting: dict[Lane, list[Any]] = {lane: [] for lane in LANES}
        self.settings = MoneySettings(self.rng.choice(tuple(LatePayments)), self.rng.choice(tuple(SurplusPayments)))
        self.database = Database(self.clock.now, COLLECTIONS, self.weather, self.cast.without, on_commit=self._wake_for)
        self.processor = Processor(self.clock.now, _manners(self.rng), self._announced)
        self.account = self.cast.account(
            self.processor,
            self.weather,
            self.loop,
            self.note,
            # A processor without keys and receipts of refunds can't be asked twice safely: nobody could tell (C8).
            keeps_refunds_punctual=not self.processor.manners.honours_refund_keys,
        )
        self.walks = Walks(self.database, self.processor)
        self.account.on_page = self.walks.answered
        self.reader = Reader()
        self.mail = Mail(self.loop, self.weather, self.reader, self._to_inbox, self.start_outside, self.note)
        self.settles: Callable[[str], Coroutine[Any, Any, None]] | None = None

    @property
    def hears_of_all(self) -> bool:
        """Tell whether also what no check asks about becomes known: by its event, or by the walks."""
        return self.janitor.sweeps or not self.weather.event_lost

    # Hosts and turns

    def start_hosts(self) -> None:
        """Begin the API's processes, and the workers with their lanes."""
        self.apis = [self._new_host(f"api-{number}") for number in range(_API_HOSTS)]
        for number in range(_WORKER_HOSTS):
            self._start_worker(f"worker-{number}")

    def crash(self) -> None:
        """Kill one process, whatever it is at; another one takes its place."""
        hosts = self.apis + self.workers
        victim = self.rng.choice(hosts)
        self.note("crash", victim.name)
        self.weather.struck += 1
        victim.is_alive = False
        for told in victim.deaths:
            told()
        if victim in self.workers:
            self.workers.remove(victim)
            self._start_worker(victim.name)
        else:
            self.apis[self.apis.index(victim)] = self._new_host(victim.name)

    def move_time(self, seconds: float) -> None:
        """Let time pass; what waited for it becomes ready."""
        self.clock.advance(seconds=seconds)
        self.loop.due()
        for lane in LANES:
            self._wake(lane)

    def next_moment(self) -> float | None:
        """Return the next moment at which anybody has something to do."""
        moments = [self.loop.next_timer()]
        for lane, waiting in self.resting.items():
            if any(host.is_alive for host, _ in waiting):
                due = self._due_at(lane)
                moments.append(due.timestamp() if due else None)
        return min((moment for moment in moments if moment is not None), default=None)

    async def sleep(self, seconds: float) -> None:
        """Wait, in simulated time."""
        await self.loop.at(self.clock.now() + timedelta(seconds=seconds))

    def start_outside(self, work: Any) -> None:
        """Begin something that no crash of ours ends: a client, a customer, the mail."""
        self.loop.start(self.nature, work)

    # Requests

    async def ask(self, what: str, work: Callable[[House], Awaitable[Any]]) -> Reply:
        """Send a request to some API host and wait for its answer, or for the end of one's patience."""
        host = self.rng.choice(self.apis)
        house = self.houses[host.name]
        future = self.loop.create_future()

        def answer(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        async def serve() -> None:
            try:
                reply = Reply(value=await work(house))
            except (Problem, PyMongoError) as error:
                reply = Reply(error=error)
            except Exception as error:  # noqa: BLE001  whatever else comes out of a verb is a defect (I16)
                self.defects.append(error)
                reply = Reply(error=error)
            answer(Reply(is_cut=True) if self.weather.strikes(self.weather.reply_lost) else reply)

        host.deaths.append(lambda: answer(Reply(is_cut=True)))
        self.loop.start(host, serve())
        patience = self.loop.call_later(_PATIENCE_SECONDS, self._lose_patience, answer)
        reply = await future
        patience.cancel()
        said = "cut" if reply.is_cut else getattr(reply.error, "code", type(reply.error).__name__)
        self.note("answer", what, "ok" if reply.is_ok else said)
        return reply

    def _lose_patience(self, answer: Callable[[Reply], None]) -> None:
        self.weather.struck += 1
        answer(Reply(is_cut=True))

    def note(self, *words: str) -> None:
        """Write a line of the history."""
        self.notes.append(Note((self.clock.now() - self.start).total_seconds(), "", words))

    # Workers

    def _new_host(self, name: str) -> Host:
        """Start a process: what it keeps in memory is its own, and dies with it."""
        self.houses[name] = House(self, owner=f"{name}/{self.clock.monotonic()}")
        return Host(name)

    def _start_worker(self, name: str) -> None:
        host = self._new_host(name)
        self.workers.append(host)
        janitor = self.janitor if self.cast.reconciles else Janitor.NONE
        for lane in LANES:
            if lane.works(janitor):
                self.loop.start(host, self._lane(host, lane))
        if janitor.sweeps:
            self.loop.start(host, self._enrolment(host))

    async def _enrolment(self, host: Host) -> None:
        """Look for accounts until the one is found, as `app.worker` does for ever."""
        enrolment = self.houses[host.name][Enrolment]
        while len(self.database.rows(SWEEPS.collection)) < len(Swept):
            try:
                await enrolment.enroll_next()
            except PyMongoError:
                await self.sleep(_TROUBLE_SECONDS)
            await self.sleep(max(_TROUBLE_SECONDS, enrolment.next_at - self.clock.monotonic()))

    async def _lane(self, host: Host, lane: Lane) -> None:
        """Do one piece after another, as `app.worker` does; rest while there is none."""
        work = lane.work(self.houses[host.name])
        while True:
            try:
                if not await work():
                    await self._rest(host, lane)
            except PyMongoError:
                await self.sleep(_TROUBLE_SECONDS)
            except Exception as error:  # noqa: BLE001  a defect in one piece of work must not end the lane
                self.defects.append(error)
                await self.sleep(_TROUBLE_SECONDS)

    async def _rest(self, host: Host, lane: Lane) -> None:
        future = self.loop.create_future()
        self.resting[lane].append((host, future))
        await future

    def _wake_for(self, collection: str) -> None:
        """Wake the lanes of a collection that was written to."""
        if collection == SWEEPS.collection:
            self.walks.committed()
        for lane in LANES:
            if lane.collection == collection:
                self._wake(lane)

    def _wake(self, lane: Lane) -> None:
        """Wake a lane's rest, when a row is due."""
        waiting = self.resting[lane]
        if not waiting:
            return
        due = self._due_at(lane)
        if due is not None and due <= self.clock.now():
            self.resting[lane] = []
            for host, future in waiting:
                if host.is_alive and not future.done():
                    future.set_result(None)

    def _due_at(self, lane: Lane) -> datetime | None:
        """Return when a lane has work; nobody waits for walks that can't find anything any more."""
        if lane is SWEEPS and self.walks.are_over() and self.loop.next_timer() is None:
            return None
        return lane.due_at(self.database.rows(lane.collection).values())

    # The processor's news

    def _announced(self, event: GatewayEvent) -> None:
        told = (*event.payments, *event.refunds, *event.disputes, *event.settlements)
        about = [one.id for one in told]
        self.note("processor", event.type, *about)
        self.mail.send(event)
        if event.type == "refund.created" and self.settles is not None:
            self.start_outside(self.settles(event.refunds[0].id))

    async def _to_inbox(self, body: bytes, event_id: str) -> bool:
        reply = await self.ask(
            f"webhook {event_id}",
            lambda house: house.inbox.record_event(SCOPE.tenant, body=body, signature="genuine", event_id=event_id),
        )
        return reply.is_ok


_STORMS = {
    "command_lost": 0.1,
    "commit_unconfirmed": 0.1,
    "call_unsent": 0.1,
    "call_lost": 0.2,
    "call_late": 0.6,
    "answer_lost": 0.6,
    "event_repeated": 0.5,
    "event_late": 0.6,
    "reply_lost": 0.3,
}
"""What may go wrong, and how often at most."""


def _weather(rng: random.Random, *, janitor: Janitor) -> Weather:
    """Draw what goes wrong in this run: a little of much, or much of one or two things, as storms are."""
    shares = {name: rng.uniform(0, most) if rng.random() < 0.5 else 0.0 for name, most in _STORMS.items()}
    if rng.random() < 0.5:
        few = rng.sample(sorted(_STORMS), rng.choice((0, 1, 2)))
        if few and rng.random() < 0.5:
            few[0] = rng.choice(("answer_lost", "call_late"))
        shares = {name: most if name in few else 0.0 for name, most in _STORMS.items()}
    # Without a janitor nobody would ever learn of what a lost event told.
    lost = 0.0 if janitor is Janitor.NONE else rng.choice((0.0, 0.0, 0.3, 1.0))
    return Weather(rng=rng, event_lost=lost, **shares)


def _manners(rng: random.Random) -> Manners:
    honours = rng.random() < 0.6
    return Manners(
        refuses_twin_orders=rng.random() < 0.5,
        refuses_twin_refunds=rng.random() < 0.3,
        honours_refund_keys=honours,
        knows_fees_late=rng.random() < 0.3,
        list_lag=timedelta(seconds=rng.choice((0, 0, 30))) if honours else timedelta(0),
        refunds_at_once=rng.random() < 0.3,
        walk_lag=timedelta(seconds=rng.choice((0, 0, 30, 900))),
        page=rng.choice((1, 2, 5, 100)),
        report_lag=timedelta(hours=rng.choice((0, 0, 1, 30))),
    )
