"""Sums add up in any order, and a half hour is looked at less often the older it is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.analytics.models import EMPTY, SLOT, Share, Slot, Sums, slot_of, total
from app.analytics.service import shares_of
from app.kit.scope import Mode, Scope

NOW = datetime(2026, 3, 5, 12, 10, tzinfo=UTC)
shares = st.builds(Share, st.integers(0, 9), st.integers(0, 10**9))
sums = st.builds(
    Sums,
    created=shares,
    succeeded=shares,
    open=st.integers(0, 9),
    refunded=shares,
    methods=st.dictionaries(st.sampled_from(["upi", "card", "wallet"]), shares),
    failures=st.dictionaries(st.sampled_from(["timeout", "declined"]), st.integers(0, 9)),
)


@given(st.lists(sums, max_size=5), st.randoms())
def test_a_total_does_not_depend_on_the_order_and_loses_nothing(parts, random):
    made = total(parts)
    random.shuffle(parts)
    assert total(parts) == made
    assert made.created.amount == sum(part.created.amount for part in parts)
    assert sum(made.failures.values()) == sum(sum(part.failures.values()) for part in parts)
    assert EMPTY + made == made


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_is_in_its_half_hour(moment):
    begins = slot_of(moment)
    assert begins <= moment < begins + SLOT
    assert begins.minute in {0, 30}


def test_an_older_half_hour_is_looked_at_less_often_and_a_settled_one_never():
    def wait(age, **sums):
        slot = Slot(Scope("mer_1", Mode.TEST), NOW - age, {"INR": Sums(**sums)})
        following = slot.next_look(NOW)
        return following and following - NOW

    ages = [timedelta(0), timedelta(hours=2), timedelta(days=2), timedelta(days=10)]
    waits = [wait(age, open=1) for age in ages]
    assert waits == sorted(waits)
    assert wait(timedelta(days=10)) is None
    assert wait(timedelta(days=10), refunded=Share(1, 5)) == timedelta(days=1)
    assert wait(timedelta(days=60), open=1) is None


def test_nothing_ended_has_no_rate_and_small_parts_are_one():
    assert (EMPTY.success_permille, EMPTY.average_ticket) == (None, None)
    assert shares_of({"a": 5, "b": 1, "c": 1, "d": 9}, most=2) == [("d", 9), ("a", 5), ("other", 2)]
    assert shares_of({"a": 5}, most=2) == [("a", 5)]
