"""Every flow with every point that it passes: first where it passes, then a death at each, then what came of it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import Settings
from app.kit import faultpoints
from app.kit.clock import MovableClock
from app.main import create_app
from app.wiring import Wiring, wire
from tests.crash.actor import Shop, acting
from tests.crash.flows import Flow
from tests.crash.night import forget, let_time_pass
from tests.crash.processes import KILLED, Ended, Life, live
from tests.crash.recovery import recover, violations

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A flow and the visit of a point at which its process dies; without a point it lives."""

    flow: str
    point: str = ""
    visit: int = 1

    def __str__(self) -> str:
        return f"{self.flow} / {self.point}:{self.visit}" if self.point else f"{self.flow} / nothing"


@dataclass(slots=True)
class Verdict:
    """What came of a pair: sentences of what is not as it must be, none when all is well."""

    pair: Pair
    broken: list[str]


@dataclass(slots=True)
class Matrix:
    """The product, loaded once and never connected in this process: every life is forked from here."""

    flows: dict[str, Flow]
    simulator_url: str
    folder: Path
    say: Say
    wiring: Wiring
    app: Any

    @classmethod
    def build(cls, flows: Sequence[Flow], *, mongodb_url: str, simulator_url: str, folder: Path, say: Say) -> "Matrix":
        """Load the product with the settings of a test."""
        settings = Settings(
            _env_file=None,
            environment="test",
            mongodb_url=mongodb_url,
            database_name="crash",
            razorpay_base_url=simulator_url,
            bcrypt_rounds=4,
            log_level="ERROR",
        )
        wiring = wire(settings, clock=MovableClock())
        app = create_app(settings, wiring=wiring)
        # A process with threads must not fork: every life gets a pool of its own.
        wiring.passwords.dummy.result()
        wiring.passwords.pool.shutdown()
        return cls({flow.name: flow for flow in flows}, simulator_url, folder, say, wiring, app)

    @property
    def log(self) -> Path:
        """Return where every life writes what it has to say."""
        return self.folder / "lives.log"

    def run(self, sample: slice) -> Iterator[Verdict]:
        """Try a sample of all pairs, and every point at least once, and yield what came of each."""
        self._prepare()
        tried: set[str] = set()
        for flow in self.flows.values():
            pairs = self._pairs(flow)
            chosen = set(pairs[sample])
            self.say(f"{flow.name}: {len(pairs)} pairs")
            for pair in pairs:
                if pair in chosen or pair.point not in tried:
                    tried.add(pair.point)
                    yield Verdict(pair, self._broken(flow, pair))

    def judge(self, pair: Pair) -> Verdict:
        """Try one pair."""
        self._prepare()
        return Verdict(pair, self._broken(self.flows[pair.flow], pair))

    def _prepare(self) -> None:
        started = live(self._start, log=self.log)
        assert started.status == 0, started.said

    def _pairs(self, flow: Flow) -> list[Pair]:
        """Let a flow live once, note the points that it passes, and return the pairs to try."""
        end = live(self._tracing(flow), log=self.log)
        assert end.status == 0, f"{flow.name}: {end.said}"
        visits = Counter(json.loads(end.said))
        return [
            Pair(flow.name),
            *(Pair(flow.name, point, visit + 1) for point, count in visits.items() for visit in range(count)),
        ]

    def _broken(self, flow: Flow, pair: Pair) -> list[str]:
        end = live(self._life(flow, pair), log=self.log)
        if pair.point and end.status == 0:
            # A slow machine makes a step give up and come back later, and that life took another path: one more try.
            end = live(self._life(flow, pair), log=self.log)
        if wrong := _died_otherwise(pair, end):
            return [wrong]
        shop = Shop.of_json(self._will.read_text(encoding="utf-8"))
        after = live(self._afterlife(flow, shop), log=self.log)
        broken: list[str] = json.loads(after.said) if after.status == 0 else [f"the recovery ended with {after.said}"]
        return broken

    async def _start(self) -> str:
        await self.wiring.start()
        await self.wiring.close()
        return ""

    def _tracing(self, flow: Flow) -> Life:
        async def life() -> str:
            passed: list[str] = []
            async with acting(self.wiring, self.app, self.simulator_url, Shop.unborn()) as actor:
                await flow.prepare(actor)
                faultpoints._armed = passed.append
                await flow.act(actor)
                faultpoints._armed = None
                await forget(self.wiring.database)
            return json.dumps(passed)

        return life

    def _life(self, flow: Flow, pair: Pair) -> Life:
        async def life() -> str:
            async with acting(self.wiring, self.app, self.simulator_url, Shop.unborn()) as actor:
                await flow.prepare(actor)
                self._will.write_text(actor.shop.to_json(), encoding="utf-8")
                if pair.point:
                    faultpoints._armed = faultpoints.arm({"FAULT_POINT": f"{pair.point}:{pair.visit}"})
                await flow.act(actor)
                faultpoints._armed = None
                self._will.write_text(actor.shop.to_json(), encoding="utf-8")
                if pair.point:
                    # It should have died; whoever lives next must not find its work.
                    await forget(self.wiring.database)
            return ""

        return life

    def _afterlife(self, flow: Flow, shop: Shop) -> Life:
        async def life() -> str:
            async with acting(self.wiring, self.app, self.simulator_url, shop) as actor:
                await let_time_pass(self.wiring.database)
                await recover(actor, flow.act)
                broken = sorted(await violations(actor))
                await forget(self.wiring.database)
                return json.dumps(broken)

        return life

    @property
    def _will(self) -> Path:
        return self.folder / "will.json"


def _died_otherwise(pair: Pair, end: Ended) -> str:
    if end.status == (KILLED if pair.point else 0):
        return ""
    return "the point was not passed" if end.status == 0 else f"the flow ended with {end.status}: {end.said}"
