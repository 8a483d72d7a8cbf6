"""Error codes: unique, of one form, and documented."""

import re
from collections import Counter

import pytest

from app.kit.errors import Kind, Problem
from app.web.errors import STATUS
from tests.house.pages import ERRORS, errors_page
from tests.house.rooms import problems
from tests.house.sources import ROOT

_CODE = re.compile(r"[a-z]+(_[a-z0-9]+)*")


def complaints(found: list[type[Problem]]) -> list[str]:
    """Return what is wrong with a set of error classes."""
    wrong = [f"{code} is the code of {count} classes" for code, count in _counted(found).items() if count > 1]
    for problem in found:
        if not _CODE.fullmatch(problem.code):
            wrong.append(f"{problem.__name__}: the code {problem.code!r} is not snake_case")
        if problem.kind not in STATUS:
            wrong.append(f"{problem.__name__}: {problem.kind} has no HTTP status")
        if not problem.message.endswith("."):
            wrong.append(f"{problem.__name__}: the message is no sentence")
        if not (problem.__doc__ or "").strip() or problem.__doc__ == Problem.__doc__:
            wrong.append(f"{problem.__name__}: no docstring, which becomes its documentation")
    return wrong


def _counted(found: list[type[Problem]]) -> Counter[str]:
    return Counter(problem.code for problem in found)


def test_every_code_is_unique_and_well_formed() -> None:
    wrong = complaints(list(problems()))
    assert not wrong, "a code is permanent: choose another word, or share the class\n" + "\n".join(wrong)


def test_every_code_is_documented_and_nothing_else() -> None:
    written = (ROOT / ERRORS).read_text(encoding="utf-8") if (ROOT / ERRORS).exists() else ""
    codes = re.findall(r"^## (\S+)$", written, re.MULTILINE)
    assert codes == [problem.code for problem in problems()], "write it anew: python -m tests.house.pages"
    assert written == errors_page(), "write it anew: python -m tests.house.pages"


def _planted(name: str, code: str, message: str, doc: str | None) -> type[Problem]:
    # Made of a plain class, so that the catalogue of the real house never sees it.
    return type(name, (), {"code": code, "kind": Kind.INVALID, "message": message, "__doc__": doc})  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ([_planted("A", "twice", "A.", "A."), _planted("B", "twice", "B.", "B.")], "twice is the code of 2 classes"),
        ([_planted("A", "NotSnake", "A.", "A.")], "A: the code 'NotSnake' is not snake_case"),
        ([_planted("A", "mute", "no sentence", "A.")], "A: the message is no sentence"),
        ([_planted("A", "bare", "A.", None)], "A: no docstring, which becomes its documentation"),
    ],
)
def test_a_planted_mistake_is_noticed(planted: list[type[Problem]], complaint: str) -> None:
    assert complaints(planted) == [complaint]
