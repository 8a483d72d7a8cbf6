"""The whole runner in small: every part is started, loaded and audited."""

import math

from benchmarks.run import Plan, run
from benchmarks.traffic import Scenario


def test_a_small_run_measures_everything_and_its_books_agree() -> None:
    summaries, problems = run(Plan(clients=4, rounds=1, seconds=0.4, warmup=0.1, delay_ms=5))
    assert problems == []
    assert [summary.scenario for summary in summaries] == list(Scenario)
    # What an answer costs is no number without a right one. Rates may be zero: a busy machine uses up so short a time.
    assert all(math.isfinite(side.cpu_micros) for summary in summaries for side in (summary.product, summary.bare))
