"""Charts: well-formed whatever the numbers, in proportion, with words for those who hear them, and nothing to run."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.charts import HEIGHT, Mark, bars, line, meter, ring

values = st.one_of(st.none(), st.integers(0, 10**12))
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=9)
marks = st.lists(st.builds(Mark, texts, values, st.just("₹1 <b>")), max_size=95)


@given(marks)
def test_a_chart_is_well_formed_and_says_every_mark(many):
    for drawn in (
        bars(many, title="A <title>", description='"said"'),
        line(many, top=1000, title="A <title>", description='"said"'),
        ring([Mark(mark.label, mark.value or 0, mark.shown) for mark in many], title="A <title>", description='"said"'),
    ):
        tree = ET.fromstring(drawn)  # noqa: S314  our own drawing
        assert tree.get("aria-label") == 'A <title>. "said"'
        assert "style=" not in drawn
        assert len(tree.findall(".//title")) <= 2 * len(many)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=40))
def test_the_tallest_bar_fills_the_picture_and_the_others_are_in_proportion(numbers):
    drawn = bars([Mark(str(at), number, str(number)) for at, number in enumerate(numbers)], title="t", description="d")
    heights = [int(height) for height in re.findall(r'chart-bar"[^>]* height="(\d+)"', drawn)]
    assert len(heights) == len(numbers)
    assert max(heights) <= HEIGHT
    if top := max(numbers):
        assert heights[numbers.index(top)] == max(heights)
    assert all((height == 0) == (number == 0) for height, number in zip(heights, numbers, strict=True))


@pytest.mark.parametrize(
    ("value", "most", "width"), [(0, 10, 0), (5, 10, 500), (10, 10, 1000), (1, 10**9, 1), (3, 0, 0)]
)
def test_a_meter_is_as_long_as_its_share(value, most, width):
    assert f'meter-part" width="{width}"' in meter(value, most=most)
