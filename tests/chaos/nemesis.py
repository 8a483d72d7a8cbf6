"""What goes wrong and when: a schedule that one number decides, and the hands that carry it out.

Three lanes run beside one another: the database, our processes, the processor. Within the database's lane one fault
ends, and the set gets time to recover, before the next begins; so two of three members are only ever down in the faults
that are meant to take the majority away.
"""

import asyncio
import math
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.chaos.cluster import NoPrimary
from tests.chaos.processes import Program
from tests.chaos.stage import FRONT, PROCESSOR, Stage


class Lane(StrEnum):
    """Where a fault strikes."""

    DATABASE = "database"
    PROCESSES = "processes"
    PROCESSOR = "processor"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the schedule: when it begins (seconds after the load began) and how long it lasts."""

    at: float
    lane: Lane
    name: str
    seconds: float
    pick: int = 0

    @property
    def ends(self) -> float:
        """Return when it is over."""
        return self.at + self.seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of fault: how long it lasts, from and to."""

    name: str
    least: float
    most: float


Script = Sequence[tuple[float, str, float]]
"""Faults by hand: when, which, and for how long."""

_RECOVERY_SECONDS = {Lane.DATABASE: 5.0, Lane.PROCESSES: 2.0, Lane.PROCESSOR: 2.0}
_GAP_SECONDS = (2.0, 6.0)
_QUIET_START_SECONDS = 2.0
_LATE_SECONDS = 30.0
_MOST_RECOVERY_SECONDS = 15.0
_POLL_SECONDS = 0.1
KINDS: Mapping[Lane, Sequence[Kind]] = {
    Lane.DATABASE: (
        Kind("kill-primary", 3, 8),
        Kind("kill-secondary", 3, 8),
        Kind("freeze-primary", 5, 15),
        Kind("freeze-secondary", 5, 15),
        Kind("step-down", 1, 1),
        Kind("cut-primary", 5, 10),
        Kind("isolate-primary-with-its-clients", 5, 10),
        Kind("cut-both-secondaries", 8, 10),
        Kind("lose-majority", 10, 20),
        Kind("slow-network", 5, 10),
    ),
    Lane.PROCESSES: (
        Kind("kill-api", 1, 4),
        Kind("kill-worker", 1, 4),
        Kind("freeze-api", 5, 15),
        Kind("freeze-worker", 5, 15),
        Kind("rolling-restart", 14, 14),
    ),
    Lane.PROCESSOR: (
        Kind("answers-dropped", 5, 12),
        Kind("processor-cut", 2, 6),
        Kind("processor-half-open", 4, 8),
        Kind("processor-slow", 5, 12),
        Kind("processor-faults", 6, 15),
        Kind("webhooks-dropped", 5, 15),
        Kind("webhooks-hostile", 5, 15),
        Kind("webhooks-unreachable", 3, 8),
    ),
}
_MODES = (
    ("reset_after", {}),
    ("error_after", {}),
    ("reset_before", {}),
    ("error_before", {}),
    ("html_502", {}),
    ("truncated_json", {}),
    ("empty_200", {}),
    ("rate_limit", {"retry_after": 1}),
    ("delay_then_process", {"delay_seconds": 12}),
    ("slow", {"delay_seconds": 3}),
)
_ROUTES = ("POST /v1/orders", "* /v1/*", "POST /v1/payments/*", "GET /v1/payments/*")
_SHARE = 0.3


def schedule_of(seed: int, *, seconds: float, only: Lane | None = None) -> list[Fault]:
    """Return what goes wrong, in order. Every kind of a lane comes once before any comes again."""
    faults: list[Fault] = []
    for lane, kinds in KINDS.items():
        if only not in {None, lane}:
            continue
        dice = random.Random(f"{seed}:{lane}")
        at, deck = _QUIET_START_SECONDS, []
        while at < seconds:
            deck = deck or dice.sample(kinds, len(kinds))
            kind = deck.pop()
            fault = Fault(
                round(at, 2), lane, kind.name, round(dice.uniform(kind.least, kind.most), 2), dice.randrange(1 << 16)
            )
            if fault.ends < seconds:
                faults.append(fault)
            at = max(fault.ends, at + 1) + _RECOVERY_SECONDS[lane] + dice.uniform(*_GAP_SECONDS)
    return sorted(faults, key=lambda fault: fault.at)


def scripted(script: Script) -> list[Fault]:
    """Return the faults of a script, each in its lane."""
    lanes = {kind.name: lane for lane, kinds in KINDS.items() for kind in kinds}
    return [Fault(at, lanes[name], name, seconds, pick) for pick, (at, name, seconds) in enumerate(script)]


@dataclass(slots=True)
class Nemesis:
    """Carries a schedule out. What it did, and from when to when, is in `done`.

    `wrote_at` says when a write was acknowledged last: on a slow machine a fault of the database waits for one, or a
    run would only show an outage.
    """

    stage: Stage
    now: Callable[[], float]
    wrote_at: Callable[[], float] = lambda: math.inf
    done: list[Fault] = field(default_factory=list)

    async def run(self, schedule: Sequence[Fault]) -> None:
        """Do one fault after the other, lane by lane at the same time; what comes too late is left out."""
        lanes = [[fault for fault in schedule if fault.lane is lane] for lane in Lane]
        last = max((fault.at for fault in schedule), default=0.0)
        await asyncio.gather(*(self._run_lane(lane, self.now() + last + _LATE_SECONDS) for lane in lanes if lane))

    async def _run_lane(self, faults: Sequence[Fault], deadline: float) -> None:
        began = self.now()
        for fault in faults:
            await asyncio.sleep(max(0.0, began + fault.at - self.now()))
            if fault.lane is Lane.DATABASE:
                await self._until_written()
            if (at := self.now()) > deadline:
                return
            with suppress(NoPrimary):
                await self._hands[fault.name](self, fault)
            self.done.append(Fault(round(at, 2), fault.lane, fault.name, round(self.now() - at, 2), fault.pick))

    async def _until_written(self) -> None:
        """Wait, for a bounded time, until a write was acknowledged after the last fault of the database."""
        last = max((fault.ends for fault in self.done if fault.lane is Lane.DATABASE), default=0.0)
        deadline = self.now() + _MOST_RECOVERY_SECONDS
        while self.wrote_at() < last and self.now() < deadline:
            await asyncio.sleep(_POLL_SECONDS)

    async def heal(self) -> None:
        """End every fault there is."""
        for program in self.stage.products:
            program.send(signal.SIGCONT)
        await self.stage.cluster.heal()
        await self.stage.simulate("DELETE", "/_sim/faults")
        await self._webhooks()

    async def _kill_primary(self, fault: Fault) -> None:
        await self._kill(await self.stage.cluster.wait_for_primary(), fault)

    async def _kill_secondary(self, fault: Fault) -> None:
        await self._kill(await self._secondary(fault), fault)

    async def _kill(self, member: Any, fault: Fault) -> None:
        member.mongod.kill()
        await asyncio.sleep(fault.seconds)
        await self.stage.cluster.revive(member)

    async def _freeze_primary(self, fault: Fault) -> None:
        await self._freeze(await self.stage.cluster.wait_for_primary(), fault)

    async def _freeze_secondary(self, fault: Fault) -> None:
        await self._freeze(await self._secondary(fault), fault)

    async def _freeze(self, frozen: Any, fault: Fault) -> None:
        """Stop a process and let it go on: what was buffered for it arrives late."""
        frozen.send(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        frozen.send(signal.SIGCONT)

    async def _secondary(self, fault: Fault) -> Any:
        primary = await self.stage.cluster.wait_for_primary()
        others = [member for member in self.stage.cluster.members if member is not primary]
        return others[fault.pick % len(others)]

    async def _step_down(self, fault: Fault) -> None:
        await self.stage.cluster.step_down()

    async def _cut_primary(self, fault: Fault) -> None:
        primary = await self.stage.cluster.wait_for_primary()
        await self._cut(primary, fault, from_clients=True)

    async def _isolate_primary(self, fault: Fault) -> None:
        """Leave the clients on the wrong side: the old primary goes on taking writes that nobody confirms (G4, G7)."""
        primary = await self.stage.cluster.wait_for_primary()
        await self._cut(primary, fault, from_clients=False)

    async def _cut(self, member: Any, fault: Fault, *, from_clients: bool) -> None:
        await self.stage.cluster.isolate(member, from_clients=from_clients)
        await asyncio.sleep(fault.seconds)
        await self._open_database()

    async def _cut_secondaries(self, fault: Fault) -> None:
        primary = await self.stage.cluster.wait_for_primary()
        for member in self.stage.cluster.members:
            if member is not primary:
                await self.stage.cluster.isolate(member, from_clients=True)
        await asyncio.sleep(fault.seconds)
        await self._open_database()

    async def _lose_majority(self, fault: Fault) -> None:
        primary = await self.stage.cluster.wait_for_primary()
        secondary = await self._secondary(fault)
        for member in (primary, secondary):
            member.mongod.kill()
        await asyncio.sleep(fault.seconds)
        for member in (primary, secondary):
            await self.stage.cluster.revive(member)

    async def _slow_network(self, fault: Fault) -> None:
        for member in self.stage.cluster.members:
            await self.stage.proxy.impose(member.name, latency_ms=5, jitter_ms=20, bytes_per_second=2_000_000)
        await asyncio.sleep(fault.seconds)
        await self._open_database()

    async def _open_database(self) -> None:
        """Lift the rules between members and clients; other lanes' rules stay."""
        names = [member.name for member in self.stage.cluster.members]
        for name in names:
            for source in ("*", *names):
                await self.stage.proxy.impose(name, source=source)

    async def _kill_api(self, fault: Fault) -> None:
        await self._kill_program(self._one_of(self.stage.apis, fault), fault)

    async def _kill_worker(self, fault: Fault) -> None:
        await self._kill_program(self._one_of(self.stage.workers, fault), fault)

    async def _kill_program(self, program: Program, fault: Fault) -> None:
        program.kill(rest_seconds=fault.seconds)
        await asyncio.sleep(fault.seconds)

    async def _freeze_api(self, fault: Fault) -> None:
        await self._freeze(self._one_of(self.stage.apis, fault), fault)

    async def _freeze_worker(self, fault: Fault) -> None:
        await self._freeze(self._one_of(self.stage.workers, fault), fault)

    async def _rolling_restart(self, fault: Fault) -> None:
        """Ask each to end, one after the other, and wait for its successor, as a deployment does (P7)."""
        for program in self.stage.products:
            await program.stop()
            program.start()
            with suppress(RuntimeError):
                await program.wait_until_healthy(seconds=20)

    async def _answers_dropped(self, fault: Fault) -> None:
        await self._processor(fault, drops_answers=0.4)

    async def _processor_cut(self, fault: Fault) -> None:
        await self._processor(fault, is_cut=True)

    async def _processor_half_open(self, fault: Fault) -> None:
        await self._processor(fault, is_half_open=True)

    async def _processor_slow(self, fault: Fault) -> None:
        await self._processor(fault, latency_ms=600, jitter_ms=2500)

    async def _processor(self, fault: Fault, **rule: Any) -> None:
        await self.stage.proxy.impose(PROCESSOR, **rule)
        await asyncio.sleep(fault.seconds)
        await self.stage.proxy.impose(PROCESSOR)

    async def _processor_faults(self, fault: Fault) -> None:
        mode, options = _MODES[fault.pick % len(_MODES)]
        route = _ROUTES[fault.pick // len(_MODES) % len(_ROUTES)]
        rule = {"route": route, "mode": mode, "probability": _SHARE, "seed": fault.pick, **options}
        await self.stage.simulate("POST", "/_sim/faults", rule)
        await asyncio.sleep(fault.seconds)
        await self.stage.simulate("DELETE", "/_sim/faults")

    async def _webhooks_dropped(self, fault: Fault) -> None:
        # Without the janitor a dropped event is money lost by design, so then it only comes late.
        mode = {"drop": 1.0} if self.stage.build.has_janitor else {"delay_seconds": 2.0}
        await self._webhooks(**mode)
        await asyncio.sleep(fault.seconds)
        await self._webhooks()

    async def _webhooks_hostile(self, fault: Fault) -> None:
        modes: list[dict[str, Any]] = [
            {"duplicate": 2, "reorder": 0.5, "reorder_seconds": 2.0},
            {"delay_seconds": 2.0, "duplicate": 1},
            {"reorder": 0.9, "reorder_seconds": 4.0, "escaped_slashes": True, "alphabetical_keys": True},
            {"secret": "wrong"},
        ]
        await self._webhooks(seed=fault.pick, **modes[fault.pick % len(modes)])
        await asyncio.sleep(fault.seconds)
        await self._webhooks()

    async def _webhooks(self, **mode: Any) -> None:
        for merchant in self.stage.merchants:
            await self.stage.simulate("PUT", "/_sim/webhooks/mode", {"key_id": merchant.account["key_id"], **mode})

    async def _webhooks_unreachable(self, fault: Fault) -> None:
        await self.stage.proxy.impose(FRONT, is_cut=True)
        await asyncio.sleep(fault.seconds)
        await self.stage.proxy.impose(FRONT)

    @staticmethod
    def _one_of(programs: Sequence[Program], fault: Fault) -> Program:
        return programs[fault.pick % len(programs)]

    _hands = {  # noqa: RUF012  a table of this class's own methods
        "kill-primary": _kill_primary,
        "kill-secondary": _kill_secondary,
        "freeze-primary": _freeze_primary,
        "freeze-secondary": _freeze_secondary,
        "step-down": _step_down,
        "cut-primary": _cut_primary,
        "isolate-primary-with-its-clients": _isolate_primary,
        "cut-both-secondaries": _cut_secondaries,
        "lose-majority": _lose_majority,
        "slow-network": _slow_network,
        "kill-api": _kill_api,
        "kill-worker": _kill_worker,
        "freeze-api": _freeze_api,
        "freeze-worker": _freeze_worker,
        "rolling-restart": _rolling_restart,
        "answers-dropped": _answers_dropped,
        "processor-cut": _processor_cut,
        "processor-half-open": _processor_half_open,
        "processor-slow": _processor_slow,
        "processor-faults": _processor_faults,
        "webhooks-dropped": _webhooks_dropped,
        "webhooks-hostile": _webhooks_hostile,
        "webhooks-unreachable": _webhooks_unreachable,
    }
