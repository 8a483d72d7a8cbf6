"""A run: one seed decides who comes next, who dies and how time passes; then the sky clears, and all must end."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from tests.simulation.disputes import customers_banks
from tests.simulation.house import Cast, Janitor
from tests.simulation.invariants import violations
from tests.simulation.payouts import operator, payouts
from tests.simulation.people import Merchant, settle, stray
from tests.simulation.violation import Violation
from tests.simulation.world import Note, World

_HORIZON = timedelta(days=45)
_STEPS = 30_000
_JANITORS = (Janitor.NONE, Janitor.ALL, Janitor.ALL, Janitor.SWEEPS, Janitor.ALL, Janitor.ALL)
_TICKS = (0.1, 1.0, 1.0, 10.0, 35.0, 61.0, 600.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: the first violation, if any, and the history."""

    seed: int
    janitor: Janitor
    violation: Violation | None
    notes: tuple[Note, ...]
    steps: int

    def __str__(self) -> str:
        if self.violation is None:
            return f"seed {self.seed}: {self.steps} steps, every invariant holds"
        about = self.violation.about
        lines = [str(note) for note in self.notes if note.words[0] == "crash" or about & set(note.words)]
        return "\n".join(
            [
                f"seed {self.seed}: {self.violation.invariant}: {self.violation.what}",
                f"repeat it: python -m tests.simulation {self.seed} --janitor {self.janitor}",
                *lines,
            ]
        )


def run(seed: int, *, janitor: Janitor | None = None, cast: Cast | None = None) -> Outcome:
    """Play one world from its seed to its end; unless told, of six worlds one has no janitor and one only sweeps."""
    janitor = janitor or _JANITORS[seed % len(_JANITORS)]
    world = World(seed, janitor=janitor, cast=cast)
    steps = 0
    former = asyncio._get_running_loop()
    asyncio._set_running_loop(world.loop)
    try:
        with structlog.testing.capture_logs() as logs:
            steps = _play(world)
        world.defects += [line["event"] for line in logs if line.get("exc_info")]
        violation = next(violations(world, is_over=steps < _STEPS), None)
    finally:
        world.loop.end()
        asyncio._set_running_loop(former)
    return Outcome(seed, janitor, violation, tuple(world.notes), steps)


def _play(world: World) -> int:
    rng = world.rng
    world.settles = lambda refund_id: settle(world, refund_id)
    world.start_hosts()
    for number in range(rng.choice((1, 2, 3))):
        world.start_outside(Merchant(world, number).live())
    world.start_outside(stray(world))
    world.start_outside(customers_banks(world))
    world.start_outside(payouts(world))
    crash, tick = rng.choice((0.0, 0.01, 0.05)), rng.choice((0.01, 0.04, 0.1))
    # A storm that begins late meets money on its way back.
    steps, begin, storm = 0, rng.choice((0, 0, 150, 300)), rng.choice((100, 250, 500))
    while steps < begin + storm:
        steps += 1
        world.weather.is_clear = steps < begin
        drawn = 1.0 if world.weather.is_clear else rng.random()
        if drawn < crash:
            world.crash()
        elif drawn < crash + tick:
            world.move_time(rng.choice(_TICKS))
        elif not _turn(world):
            break
    world.note("sky", "clears")
    world.weather.is_clear = True
    world.start_outside(operator(world))
    while steps < _STEPS and _turn(world):
        steps += 1
    return steps


def _turn(world: World) -> bool:
    """Let one of those who are ready take a step, or time pass to the next event; tell whether there is any."""
    ready = world.loop.ready
    while ready:
        if world.loop.step(world.rng.randrange(len(ready))):
            return True
    moment = world.next_moment()
    if moment is None or moment > (world.start + _HORIZON).timestamp():
        return False
    world.move_time(max(0.001, moment - world.loop.time()))
    return True
