"""The proof on real processes, in its short form: one run with many faults, and what the harness itself promises.

`make chaos` runs the long form, `make chaos-mutants` the broken builds. Time spans are measured by `make figures` on a
quiet machine; here the service only has to come back by itself, because other tests run at the same time.
"""

from itertools import pairwise

import pytest

from tests.chaos.check import defects_in
from tests.chaos.history import WRITES, Type
from tests.chaos.nemesis import KINDS, Lane, schedule_of, scripted
from tests.chaos.report import picture_of, text_of
from tests.chaos.run import Plan, run

_SCHEDULE = scripted(
    (
        (2.0, "step-down", 0.5),
        (2.0, "kill-api", 1.0),
        (4.5, "kill-primary", 2.0),
        (6.0, "kill-worker", 1.0),
        (8.0, "answers-dropped", 3.0),
        (9.0, "freeze-worker", 4.0),
        (10.5, "freeze-primary", 4.0),
        (14.0, "webhooks-dropped", 4.0),
        (17.5, "isolate-primary-with-its-clients", 4.0),
        (25.0, "lose-majority", 3.0),
    )
)


async def test_g1_g2_g3_g4_g5_g7_g14_p1_p2_p3_p11_i1_i2_i3_i4_i5_i6_i7_i8_i9_i10_i11_i12_i13_i14_i15_i16_hold(tmp_path):
    plan = Plan(seed=1, seconds=30, clients=16, per_second=30, settle_seconds=60, schedule=_SCHEDULE)
    result = await run(plan, tmp_path)
    report = text_of(result)
    assert result.is_good, report
    assert result.verdict.not_run == []
    assert {fault.name for fault in result.faults} == {fault.name for fault in _SCHEDULE}
    operations = list(result.history)
    assert sum(operation.type is Type.OK for operation in operations) > 20, report
    # While the majority is away, whoever asks is told that the outcome is unknown (G5).
    (lost,) = (fault for fault in result.faults if fault.name == "lose-majority")
    during = [one for one in operations if one.ended is not None and one.ended.at > lost.at]
    assert any(one.answer.get("http") == 503 for one in during), report
    # Every other fault of the database is survived without help: who writes after it is served before that outage.
    writes = [one for one in operations if one.type is Type.OK and one.f in WRITES]
    for fault in result.faults:
        if fault.name in {"step-down", "kill-primary", "freeze-primary"}:
            assert any(fault.ends < one.invoked.at and one.ended.at < lost.at for one in writes), report
    assert picture_of(result).startswith("<svg")


def test_a_seed_repeats_its_schedule():
    assert schedule_of(7, seconds=150) == schedule_of(7, seconds=150)
    assert schedule_of(7, seconds=150) != schedule_of(8, seconds=150)


@pytest.mark.parametrize("seed", range(20))
def test_the_faults_of_one_lane_never_overlap_and_a_long_run_meets_every_sort(seed):
    schedule = schedule_of(seed, seconds=600)
    for lane in Lane:
        faults = [fault for fault in schedule if fault.lane is lane]
        assert {fault.name for fault in faults} == {kind.name for kind in KINDS[lane]}
        assert all(before.ends < after.at for before, after in pairwise(faults))


def test_a_log_shows_defects_and_neither_unknown_answers_nor_a_start_without_a_database():
    expected = [
        '{"event":"request","level":"error","status":503}',
        '{"event":"worker_database_trouble","level":"warning"}',
        '{"event":"Traceback\\npymongo.errors.AutoReconnect: away","level":"error","logger":"uvicorn.error"}',
        '{"event":"Application startup failed. Exiting.","level":"error","logger":"uvicorn.error"}',
        "Traceback (most recent call last):",
        '  File "x.py", line 1',
        "OSError: connection closed",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        "Traceback (most recent call last):",
        "pymongo.errors.ServerSelectionTimeoutError: nobody is there",
        "No MongoDB primary answers at 127.0.0.1:27017 (ServerSelectionTimeoutError). Waiting ...",
    ]
    assert not list(defects_in(expected))
    broken = [
        '{"event":"worker_defect","level":"error"}',
        '{"event":"request","level":"error","status":500}',
        "Traceback (most recent call last):",
        "KeyError: 'amount'",
    ]
    assert len(list(defects_in(broken))) == 3
