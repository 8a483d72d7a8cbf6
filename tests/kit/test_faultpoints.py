"""Fault points: nothing at all, or the end at one visit."""

import pytest

from app.kit.faultpoints import arm, faultpoint


def test_a_point_that_nobody_armed_does_nothing():
    assert arm({}) is None
    faultpoint("kit.tested")


@pytest.mark.parametrize(
    ("wanted", "deaths"), [("a.b", [1]), ("a.b:1", [1]), ("a.b:3", [3]), ("a.b:9", []), ("b.c", [])]
)
def test_p1_the_process_dies_at_the_chosen_visit_of_the_chosen_point(wanted, deaths):
    died = []
    visit = arm({"FAULT_POINT": wanted}, die=died.append)
    at = []
    for number in range(1, 6):
        visit("other.point")
        visit("a.b")
        at += [number] * (len(died) - len(at))
    assert (at, died) == (deaths, [137] * len(deaths))


def test_a_visit_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="invalid literal"):
        arm({"FAULT_POINT": "a.b:x"})
