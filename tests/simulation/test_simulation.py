"""The product holds its invariants in every seeded world, and every mistake that we can think of is noticed."""

import inspect
from types import ModuleType

import pytest

from tests.simulation import mutants_disputes, mutants_money, mutants_payments, mutants_settlements, mutants_sweeps
from tests.simulation.house import Janitor
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.scheduler import run

_CHUNK, _CHUNKS = 40, 8
_MOST_SEEDS = 1000


def _cases(module: ModuleType) -> list[object]:
    return [
        pytest.param(mutant, janitor, id=f"{mutant.name}-{janitor}")
        for mutant in MUTANTS
        if mutant.made_in(module.__name__)
        for janitor in mutant.janitors
    ]


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_p1_p2_i1_i2_i3_i4_i5_i6_i7_i8_i9_i10_i13_i14_i15_whatever_goes_wrong_it_comes_out_right(
    chunk: int,
) -> None:
    for seed in range(chunk * _CHUNK, (chunk + 1) * _CHUNK):
        outcome = run(seed)
        assert outcome.violation is None, str(outcome)


@pytest.mark.parametrize(("mutant", "janitor"), _cases(mutants_payments))
def test_a1_a3_a4_a6_a9_a11_b1_b2_b7_b14_b16_b20_d8_a_mistake_about_payments_is_noticed(
    mutant: Mutant, *, janitor: Janitor
) -> None:
    _assert_noticed(mutant, janitor=janitor)


@pytest.mark.parametrize(("mutant", "janitor"), _cases(mutants_money))
def test_c4_c6_c8_c9_c10_d4_d5_i13_p2_p3_a_mistake_about_books_news_and_refunds_is_noticed(
    mutant: Mutant, *, janitor: Janitor
) -> None:
    _assert_noticed(mutant, janitor=janitor)


@pytest.mark.parametrize(("mutant", "janitor"), _cases(mutants_disputes))
def test_b6_c11_d2_d5_d8_a_mistake_about_disputes_is_noticed(mutant: Mutant, *, janitor: Janitor) -> None:
    _assert_noticed(mutant, janitor=janitor)


@pytest.mark.parametrize(("mutant", "janitor"), _cases(mutants_settlements))
def test_d2_i4_r9_a_mistake_about_settlements_is_noticed(mutant: Mutant, *, janitor: Janitor) -> None:
    _assert_noticed(mutant, janitor=janitor)


@pytest.mark.parametrize(("mutant", "janitor"), _cases(mutants_sweeps))
def test_a4_d2_d8_p2_p3_r9_a_mistake_about_walks_through_lists_is_noticed(mutant: Mutant, *, janitor: Janitor) -> None:
    _assert_noticed(mutant, janitor=janitor)


@pytest.mark.parametrize(
    "module",
    [mutants_payments, mutants_money, mutants_disputes, mutants_settlements, mutants_sweeps],
    ids=lambda module: module.__name__,
)
def test_every_mistake_changes_what_the_product_does(module: ModuleType) -> None:
    # A verb that was renamed would leave its mistake without effect.
    for _, mistake in inspect.getmembers(module, inspect.isclass):
        if mistake.__module__ == module.__name__:
            changed = {name for name, made in vars(mistake).items() if inspect.isfunction(made)}
            assert changed <= {name for base in mistake.__mro__[1:] for name in vars(base)}, mistake


def test_the_same_seed_is_the_same_run() -> None:
    first, second = run(7), run(7)
    assert [str(note) for note in first.notes] == [str(note) for note in second.notes]
    assert first.steps == second.steps


def test_a_violation_names_its_seed_and_tells_the_slice_of_the_history_that_it_is_about() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "suspense_forgotten")
    outcome = next(found for seed in range(_MOST_SEEDS) if (found := run(seed, cast=mutant.cast)).violation)
    story = str(outcome)
    assert f"python -m tests.simulation {outcome.seed}" in story
    assert 3 < len(story.splitlines()) < len(outcome.notes)


def test_there_are_mistakes_enough_and_each_has_its_own_name_and_rows() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.rows for mutant in MUTANTS)


def _assert_noticed(mutant: Mutant, *, janitor: Janitor) -> None:
    noticed = any(run(seed, janitor=janitor, cast=mutant.cast).violation for seed in range(_MOST_SEEDS))
    assert noticed, f"{_MOST_SEEDS} runs with {mutant.name} looked right: the model is too weak"
