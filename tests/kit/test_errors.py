"""Problems: a fact, a permanent code, a safe sentence."""

import importlib
import pkgutil

import app
from app.kit.errors import Kind, Problem, catalogue


class _Spilled(Problem):
    code = "milk_spilled"
    kind = Kind.CONFLICT
    message = "The milk is on the floor."


def _import_the_house() -> None:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if module.name.startswith(("app.payments", "app.inbox", "app.idempotency", "app.web")):
            importlib.import_module(module.name)


def test_a_problem_says_its_own_sentence_unless_a_better_one_is_given() -> None:
    assert str(_Spilled()) == _Spilled.message
    better = _Spilled("It is in the fridge.", param="milk", details={"litres": 1}, retry_after_seconds=3)
    assert (str(better), better.message, better.param, better.details, better.retry_after_seconds) == (
        "It is in the fridge.",
        "It is in the fridge.",
        "milk",
        {"litres": 1},
        3,
    )
    assert _Spilled.message == "The milk is on the floor."


def test_details_belong_to_one_problem_alone() -> None:
    shared = {"a": 1}
    first, second = _Spilled(details=shared), _Spilled(details=shared)
    first.details["a"] = 2
    assert (second.details, shared, _Spilled().details) == ({"a": 1}, {"a": 1}, {})


def test_every_error_of_the_house_has_one_code_a_kind_and_a_sentence() -> None:
    _import_the_house()
    house = list(catalogue())
    codes = [problem.code for problem in house]
    assert codes == sorted(set(codes)), "codes are unique and come sorted"
    assert {"payment_not_found", "webhook_signature_invalid", "idempotency_key_in_use"} <= set(codes)
    for problem in house:
        assert problem.kind in Kind
        assert problem.message.endswith("."), f"{problem.__name__} needs one sentence for people"
        assert problem.code == problem.code.lower().replace(" ", "_")


def test_the_catalogue_names_a_class_once_and_leaves_out_what_has_no_code() -> None:
    class Root(Problem):
        pass

    class Left(Root):
        code = "left"

    class Right(Root):
        code = "right"

    class Both(Left, Right):
        code = "both_ways"

    found = list(catalogue(package=__name__.rpartition(".")[0] or __name__))
    assert [found.count(one) for one in (Root, Left, Right, Both)] == [0, 1, 1, 1]
