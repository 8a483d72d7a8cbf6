"""Our ids: sortable by birth, one form, and never the processor's."""

import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.clock import MovableClock, SystemClock
from app.kit.ids import Prefix, RandomIds, SequentialIds, born_at, first_id, is_id

FORM = re.compile(r"[a-z]{3}_[0-7][0-9A-HJKMNP-TV-Z]{25}")
PREFIXES = st.sampled_from(list(Prefix))
MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone


@given(prefix=PREFIXES, moment=MOMENTS)
def test_an_id_has_its_prefix_and_twenty_six_characters(prefix: Prefix, moment: datetime) -> None:
    new = RandomIds(MovableClock(moment)).new(prefix)
    assert FORM.fullmatch(new)
    assert is_id(new, prefix)
    assert not any(is_id(new, other) for other in Prefix if other is not prefix)


@given(moment=MOMENTS, later=st.integers(min_value=1, max_value=10**9))
def test_ids_sort_by_the_millisecond_of_their_birth(moment: datetime, later: int) -> None:
    clock = MovableClock(moment)
    ids = RandomIds(clock)
    first = ids.new(Prefix.PAYMENT)
    clock.moment += timedelta(milliseconds=later)
    assert first < ids.new(Prefix.PAYMENT)


def test_ids_of_one_millisecond_differ() -> None:
    ids = RandomIds(MovableClock())
    assert len({ids.new(Prefix.PAYMENT) for _ in range(10_000)}) == 10_000


def test_a_forked_child_gives_out_no_id_of_its_parent() -> None:
    ids = RandomIds(MovableClock())
    ids.new(Prefix.PAYMENT)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ids.new(Prefix.PAYMENT).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        assert said.read() != ids.new(Prefix.PAYMENT)


def test_the_system_clock_is_the_default() -> None:
    before = RandomIds(MovableClock(SystemClock().now() - timedelta(seconds=1))).new(Prefix.EVENT)
    assert before < RandomIds().new(Prefix.EVENT)


def test_sequential_ids_count_up_in_the_same_form() -> None:
    ids = SequentialIds()
    made = [ids.new(Prefix.PAYMENT) for _ in range(100)]
    assert made == sorted(made)
    assert len(set(made)) == 100
    assert all(is_id(one, Prefix.PAYMENT) for one in made)
    assert made[0] == "pmt_00000000000000000000000001"


@pytest.mark.parametrize("text", ["order_IEIaMR65cu6nz3", "pay_IH4NVgf4Dreq1l", "rfnd_FP8QHiV938haTz", "plink_IH3d0a"])
def test_no_id_of_the_processor_looks_like_one_of_ours(text: str) -> None:
    assert not any(is_id(text, prefix) for prefix in Prefix)


def test_no_prefix_of_ours_is_one_of_the_processors() -> None:
    theirs = {"order", "pay", "rfnd", "plink", "cust", "setl", "disp", "inv", "sub", "acc", "qr", "va", "trf", "token"}
    assert theirs.isdisjoint(prefix.value for prefix in Prefix)
    assert len({prefix.value for prefix in Prefix}) == len(Prefix)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pmt",
        "pmt_",
        "pmt-00000000000000000000000001",
        "pmt_0000000000000000000000001",
        "pmt_000000000000000000000000001",
        "pmt_8000000000000000000000000A",
        "pmt_0000000000000000000000000I",
        "pmt_0000000000000000000000000L",
        "pmt_0000000000000000000000000O",
        "pmt_0000000000000000000000000U",
        "pmt_0000000000000000000000000a",
        "PMT_00000000000000000000000001",
        "pmt_00000000000000000000000001\n",
        " pmt_00000000000000000000000001",
        "pmt__0000000000000000000000001",
        "pmt_\u06600000000000000000000000001",
        "order_00000000000000000000000001",
    ],
)
def test_what_is_not_exactly_an_id_is_none(text: str) -> None:
    assert not is_id(text, Prefix.PAYMENT)


@given(text=st.text(max_size=60))
def test_is_id_never_raises_and_accepts_only_the_form(text: str) -> None:
    assert is_id(text, Prefix.PAYMENT) == bool(re.fullmatch(r"pmt_[0-7][0-9A-HJKMNP-TV-Z]{25}", text))


@given(moment=MOMENTS)
def test_when_an_id_was_born_is_read_from_it_to_the_millisecond(moment: datetime) -> None:
    assert timedelta(0) <= moment - born_at(first_id(Prefix.LINK, moment)) < timedelta(milliseconds=1)
