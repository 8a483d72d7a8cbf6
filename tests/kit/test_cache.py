"""A small cache: fresh or nothing, and never more than its bound."""

import pytest

from app.kit.cache import TtlCache
from app.kit.clock import MovableClock


def test_a_value_is_kept_until_its_time_is_over() -> None:
    clock = MovableClock()
    cache: TtlCache[str, int] = TtlCache(clock, ttl_seconds=5)
    cache.put("a", 1)
    clock.advance(seconds=4.9)
    assert cache.get("a") == 1
    clock.advance(seconds=0.1)
    assert cache.get("a") is None
    assert cache.get("a") is None


def test_the_least_recently_used_value_goes_first() -> None:
    cache: TtlCache[str, int] = TtlCache(MovableClock(), ttl_seconds=5, capacity=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_a_dropped_value_is_gone_and_dropping_nothing_is_fine() -> None:
    cache: TtlCache[str, int] = TtlCache(MovableClock(), ttl_seconds=5)
    cache.put("a", 1)
    cache.drop("a")
    cache.drop("a")
    assert cache.get("a") is None


async def test_loading_happens_once_and_an_error_is_not_kept() -> None:
    cache: TtlCache[str, int] = TtlCache(MovableClock(), ttl_seconds=5)
    calls = []

    async def load() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise LookupError
        return 7

    with pytest.raises(LookupError):
        await cache.get_or_load("a", load)
    assert [await cache.get_or_load("a", load) for _ in range(3)] == [7, 7, 7]
    assert len(calls) == 2


def test_s18_its_representation_shows_no_value() -> None:
    cache: TtlCache[str, str] = TtlCache(MovableClock(), 5)
    cache.put("key", "s3cret")
    assert "s3cret" not in repr(cache)
