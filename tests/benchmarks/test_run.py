"""The whole runner in small: every part is started, loaded and audited."""

import math

from benchmarks.run import Plan, run
from benchmarks.traffic import Scenario


def test_a_small_run_measures_everything_and_its_books_agree() -> None:
    summaries, problems = run(Plan(clients=4, rounds=1, seconds=0.4, warmup=0.1, delay_ms=5))
    assert problems == []
    assert [summary.scenario for summary in summaries] == list(Scenario)
    assert all(summary.product.per_second > 0 and summary.bare.per_second > 0 for summary in summaries)
    assert all(math.isfinite(summary.ratio) for summary in summaries)
