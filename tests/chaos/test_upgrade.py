"""An upgrade under load: the code of before and today's serve and work side by side on one database (P6)."""

import asyncio
import math
from dataclasses import dataclass

import pytest

from app.outbox.store import NO_HANDLER
from tests.chaos.builds import Build
from tests.chaos.history import Type
from tests.chaos.older import NoHistory, older_code
from tests.chaos.processes import ROOT
from tests.chaos.report import text_of
from tests.chaos.run import Plan, run

_APART_SECONDS, _TOGETHER_SECONDS, _PATIENCE_SECONDS = 3.0, 8.0, 90.0
_LEAST_LIMIT_SECONDS = 2.0  # what took longer met a time limit, on a machine that has other things to do
_WORK = ("create", "verify", "capture", "refund", "read", "replay")


@dataclass(slots=True)
class _Upgrade:
    """Replaces the code of before by today's; when both were at work is `began` and `ended`."""

    began: float = 0.0
    ended: float = 0.0

    async def run(self, shared):
        """Give today's code to one API instance and one worker; then, after a while together, to the others."""
        (first_api, other_api), (first_worker, other_worker) = shared.stage.apis, shared.stage.workers
        await asyncio.sleep(_APART_SECONDS)
        await _replace(first_api)
        await _replace(first_worker)
        self.began = shared.history.now
        await asyncio.sleep(_TOGETHER_SECONDS)
        while self.undone(shared.history) and shared.history.now < self.began + _PATIENCE_SECONDS:
            await asyncio.sleep(0.5)
        self.ended = shared.history.now
        await _replace(other_api)
        await _replace(other_worker)
        await asyncio.sleep(_APART_SECONDS)

    def undone(self, history):
        """Return what of the work was not done on either side while both were there."""
        done = {
            (one.f, one.invoked.value.get("instance"))
            for one in list(history)
            if one.type is Type.OK and self.began < one.invoked.at < (self.ended or math.inf)
        }
        return {(work, side) for work in _WORK for side in (0, 1)} - done


async def _replace(program):
    await program.stop()
    program.environment = {**program.environment, "PYTHONPATH": str(ROOT)}
    program.start()
    await program.wait_until_healthy()


async def test_p6_old_and_new_code_side_by_side_answer_no_5xx_and_lose_and_double_nothing(tmp_path):
    try:
        older = await asyncio.to_thread(older_code, tmp_path / "older")
    except NoHistory as why:
        pytest.skip(f"no code of before to run beside today's: {why}")
    upgrade = _Upgrade()
    plan = Plan(
        seed=6,
        seconds=_APART_SECONDS + _TOGETHER_SECONDS,
        clients=8,
        per_second=16,
        # One patient database: what is answered 5xx here is so because of the code, not of a machine that is slow.
        build=Build(older=older.folder, members=1, is_tuned=False),
        schedule=(),
        deploy=upgrade.run,
    )
    result = await run(plan, tmp_path / "run")
    report = f"{older.revision}, then beside today's, then today's\n{text_of(result)}"
    # An older worker that meets work of a newer sort says so; the invariants tell whether it was done.
    broken = [
        found for found in result.verdict.violations if not (found.invariant == "I16" and NO_HANDLER in found.what)
    ]
    assert result.is_at_rest, report
    assert broken == [], report
    assert result.verdict.not_run == []
    operations = list(result.history)
    unclear = [one for one in operations if one.type is Type.INFO and one.seconds < _LEAST_LIMIT_SECONDS]
    # Clients speak to the instances themselves: one that is replaced refuses them. A balancer asks before (P7).
    assert all(one.answer.get("refused") for one in unclear), report
    assert not upgrade.undone(operations), report
