"""Disputes are looked at daily, hourly near their last day, and for a while after their end."""

from datetime import timedelta

import pytest

from app.disputes.schedule import next_check, retry_of_unreachable
from tests.disputes.samples import NOW, dispute, said

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("status", "age", "wait"),
    [
        ("open", timedelta(0), DAY),
        ("open", timedelta(days=6, hours=1), HOUR),
        ("open", timedelta(days=7, hours=23), HOUR),
        ("open", timedelta(days=9), DAY),
        ("won", timedelta(days=44), DAY),
        ("won", timedelta(days=45), None),
        ("lost", timedelta(days=1), DAY),
    ],
)
def test_d8_a_dispute_is_looked_at_by_how_near_its_last_day_is(status, age, wait):
    now = NOW + age
    assert next_check(dispute(said(status)), now=now) == (None if wait is None else now + wait)


def test_a_dispute_without_a_last_day_is_looked_at_daily():
    assert next_check(dispute(said(respond_by=None)), now=NOW) == NOW + DAY


def test_a_look_that_failed_is_tried_again_soon():
    assert NOW < retry_of_unreachable(NOW) < NOW + HOUR
