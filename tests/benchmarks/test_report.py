"""The numbers: percentiles, ratios of pairs, the table, the picture."""

import json
import math
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.picture import draw
from benchmarks.report import Pair, Round, percentile, summarise, table, to_json
from benchmarks.traffic import Scenario

CPU = {"api": 2.0, "mongod": 1.0, "other": 0.5}


def a_round(*, answers: int, cpu: float = 2.0) -> Round:
    return Round(
        good=answers + 10,
        seconds=2.0,
        micros=[1000 * (number + 1) for number in range(answers)],
        cpu_seconds={**CPU, "api": cpu},
        wall_seconds=4.0,
    )


@given(st.lists(st.integers(0, 10**9), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed(values: list[int], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-6
    assert sum(value < found for value in ordered) < share * len(ordered)


def test_no_latency_has_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))


def test_the_ratio_is_the_median_of_the_pairs_so_one_disturbed_pair_changes_nothing() -> None:
    even = Pair(product=a_round(answers=800), bare=a_round(answers=1000, cpu=1.6))
    disturbed = Pair(product=a_round(answers=100), bare=a_round(answers=1000, cpu=1.6))
    summary = summarise(Scenario.CREATE, [even, disturbed, even])
    assert summary.ratio == pytest.approx(0.8)
    assert summary.product.per_second == pytest.approx(400)
    assert summary.multiple == pytest.approx(400 / 9.5)
    assert summary.product.cores["mongod"] == pytest.approx(0.25)


def test_the_ratio_by_cpu_time_compares_what_one_answer_costs() -> None:
    pair = Pair(product=a_round(answers=990, cpu=2.0), bare=a_round(answers=990, cpu=1.0))
    summary = summarise(Scenario.READ, [pair])
    assert summary.product.cpu_micros == pytest.approx(2000)
    assert summary.cpu_ratio == pytest.approx(0.5)
    assert summary.multiple is None


def test_a_round_without_answers_gives_no_number_instead_of_an_error() -> None:
    nothing = Round(good=0, seconds=1.0, micros=[], cpu_seconds=CPU, wall_seconds=1.0)
    summary = summarise(Scenario.WEBHOOK, [Pair(nothing, nothing)])
    assert math.isnan(summary.ratio)
    assert math.isnan(summary.cpu_ratio)


def test_table_json_and_picture_show_the_same_numbers() -> None:
    pair = Pair(product=a_round(answers=700), bare=a_round(answers=1000))
    summaries = [summarise(scenario, [pair]) for scenario in Scenario]
    assert "POST /payments: 0.70 of the bare application's rate" in table(summaries)
    assert json.loads(json.dumps(to_json(summaries)))[0]["ratio"] == 0.7
    picture = ET.fromstring(draw(summaries, subtitle="256 clients & more"))  # noqa: S314  our own text
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "256 clients & more" in texts
    assert texts.count("webhook intake") == 1
    bars = [float(element.attrib["width"]) for element in picture.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert len(bars) == 6
    assert bars[0] == pytest.approx(0.7 * bars[1], abs=0.1)
