"""Turns: one at a time for each name, in order, and nothing kept afterwards."""

import asyncio

import pytest

from app.kit.turns import Turns


async def test_work_on_one_thing_goes_one_after_the_other_in_order_and_other_things_do_not_wait():
    turns, seen, inside = Turns(), [], set()

    async def work(name: str, number: int) -> None:
        async with turns.turn(name, within_seconds=5):
            assert name not in inside
            inside.add(name)
            await asyncio.sleep(0.001)
            inside.remove(name)
            seen.append((name, number))

    await asyncio.gather(*(work(name, number) for number in range(10) for name in ("a", "b")))
    assert [number for name, number in seen if name == "a"] == list(range(10))
    assert [name for name, _ in seen[:2]] == ["a", "b"]
    assert turns.waiting == 0


async def test_whoever_waits_too_long_gives_up_and_whoever_fails_passes_the_turn_on():
    turns = Turns()
    async with turns.turn("a", within_seconds=1):
        with pytest.raises(TimeoutError):
            async with turns.turn("a", within_seconds=0.01):
                pytest.fail("it is not its turn")
        assert turns.waiting == 1
    with pytest.raises(ZeroDivisionError):
        async with turns.turn("a", within_seconds=1):
            raise ZeroDivisionError
    async with turns.turn("a", within_seconds=1):
        pass
    assert turns.waiting == 0
