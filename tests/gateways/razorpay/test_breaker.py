"""The breaker as a table, and its promises as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.razorpay.breaker import Breaker, BreakerState, Verdict
from app.kit.clock import MovableClock

OK, BAD, NOTHING = Verdict.ANSWERED, Verdict.UNANSWERED, Verdict.NOTHING


def breaker(clock: MovableClock) -> Breaker:
    return Breaker(clock, failures=3, window=5, pause_seconds=5.0)


def play(subject: Breaker, clock: MovableClock, moves: list[Verdict | float]) -> None:
    """Each verdict is one whole call, if it is let out; each number passes that many seconds."""
    for move in moves:
        if isinstance(move, float):
            clock.advance(seconds=move)
        elif (ticket := subject.admit()) is not None:
            subject.record(ticket, move)


@pytest.mark.parametrize(
    ("moves", "state", "admits"),
    [
        ([], "closed", True),
        ([BAD, BAD], "closed", True),
        ([BAD, BAD, BAD], "open", False),
        ([BAD, OK, BAD, OK, BAD], "open", False),
        ([BAD, BAD, OK, OK, OK, OK, BAD, BAD], "closed", True),
        ([BAD, BAD, NOTHING, NOTHING], "closed", True),
        ([BAD, BAD, BAD, 4.9], "open", False),
        ([BAD, BAD, BAD, 5.0], "open", True),
        ([BAD, BAD, BAD, 5.0, OK], "closed", True),
        ([BAD, BAD, BAD, 5.0, OK, BAD, BAD], "closed", True),
        ([BAD, BAD, BAD, 5.0, BAD], "open", False),
        ([BAD, BAD, BAD, 5.0, BAD, 4.9], "open", False),
        ([BAD, BAD, BAD, 5.0, NOTHING], "open", True),
    ],
)
def test_r2_the_breaker_follows_its_table(moves: list[Verdict | float], state: str, *, admits: bool) -> None:
    clock = MovableClock()
    subject = breaker(clock)

    play(subject, clock, moves)

    assert subject.state == state
    assert (subject.admit() is not None) is admits


def test_only_one_probe_is_out_at_a_time() -> None:
    clock = MovableClock()
    subject = breaker(clock)
    play(subject, clock, [BAD, BAD, BAD, 5.0])

    probe = subject.admit()

    assert probe is not None
    assert subject.state is BreakerState.HALF_OPEN
    assert subject.admit() is None
    subject.record(probe, OK)
    assert subject.admit() is not None


def test_a_call_from_before_the_opening_has_no_say_afterwards() -> None:
    clock = MovableClock()
    subject = breaker(clock)
    early = subject.admit()
    assert early is not None
    play(subject, clock, [BAD, BAD, BAD])

    subject.record(early, OK)
    assert subject.state is BreakerState.OPEN

    play(subject, clock, [5.0])
    probe = subject.admit()
    subject.record(early, BAD)
    assert probe is not None
    assert subject.state is BreakerState.HALF_OPEN


@given(st.lists(st.one_of(st.sampled_from([OK, BAD, NOTHING]), st.floats(0.1, 6.0)), max_size=60))
def test_a_host_that_answers_again_is_always_found_again(moves: list[Verdict | float]) -> None:
    clock = MovableClock()
    subject = breaker(clock)
    play(subject, clock, moves)

    play(subject, clock, [5.0, OK])

    assert subject.state is BreakerState.CLOSED
