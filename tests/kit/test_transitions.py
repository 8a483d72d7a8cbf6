"""State tables: complete, and the same answer from every reader."""

from enum import StrEnum

import pytest

from app.kit.transitions import Transitions


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    OFF = "off"


TABLE = Transitions(
    {Light.RED: frozenset({Light.GREEN, Light.OFF}), Light.GREEN: frozenset({Light.RED}), Light.OFF: frozenset()}
)


def test_a_table_that_leaves_a_state_out_is_refused() -> None:
    with pytest.raises(ValueError, match="no row for green, off"):
        Transitions({Light.RED: frozenset({Light.GREEN})})


def test_the_readers_of_a_table_agree_pair_by_pair() -> None:
    for current in Light:
        for target in Light:
            assert TABLE.allows(current, target) == (target in TABLE.table[current])
            assert TABLE.allows(current, target) == (current in TABLE.sources(target))


def test_a_final_state_has_no_successor() -> None:
    assert [state for state in Light if TABLE.is_final(state)] == [Light.OFF]
    assert TABLE.sources(Light.OFF) == {Light.RED}
