"""The documents: what they name exists, what is drawn in them is current."""

import re
from pathlib import Path

import pytest

from tests.house.pages import (
    COMMAND,
    RELIABILITY,
    ROOMS,
    ROWS,
    STATES,
    UNPROVED,
    defined_tests,
    read_rows,
    row_tests,
    rows_named,
    states_page,
    with_open_rows,
    with_rooms,
    with_tests,
)
from tests.house.rooms import room_names
from tests.house.sources import ROOT

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_PATH = re.compile(r"`([\w./-]+/[\w./-]*|[\w.-]+\.(?:py|md|toml|txt|sh))(?:::(\w+))?`")
_SEED_ROW = re.compile(r"^\|([^|\n]*)\|([^|\n]*)\|([^|\n]*)\|([^|\n]*)\|$", re.MULTILINE)
_SEED_STATES = ("done", "next: refunds and ledger", "next: pages", "next: deployment", "open")
_ADR_PARTS = ("## Context", "## Decision", "## Consequences", "## What would change our mind")
_ADR_LINES = 70
_FOREIGN = re.compile(r"/work/|/tmp/|/root/|/home/")


def read(name: str) -> str:
    """Return the text of a document."""
    return (ROOT / name).read_text(encoding="utf-8")


def documents() -> list[str]:
    """Return every document, from the root and below docs/."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def seed_complaints(text: str) -> list[str]:
    """Return what is wrong with the list of the seed's items."""
    found = []
    for cells in _SEED_ROW.findall(text):
        item, files, tests, state = (cell.strip() for cell in cells)
        if item == "Item" or set(item) == {"-"}:
            continue
        if state not in _SEED_STATES:
            found.append(f"{item}: the state {state!r} is none of {', '.join(_SEED_STATES)}")
        for path, test in (*_PATH.findall(files), *_PATH.findall(tests)):
            if not (ROOT / path).exists():
                found.append(f"{item}: {path} does not exist")
            elif test and test not in defined_tests(path):
                found.append(f"{item}: {path} has no {test}")
        if state == "done" and not _PATH.search(files):
            found.append(f"{item}: done, but it names no file")
        if state == "done" and not any(path.startswith("tests/") for path, _ in _PATH.findall(tests)):
            found.append(f"{item}: done, but it names no test")
    return found


def row_complaints(text: str, tests: dict[str, tuple[str, ...]]) -> list[str]:
    """Return what is wrong with the page of failure rows."""
    rows = {row.id: row for row in read_rows(text)}
    found = [f"{row}: tests carry this id, but the page has no such row" for row in tests if row not in rows]
    for row in rows.values():
        gone = [test for test in row.shown_by if test not in tests.get(row.id, ())]
        found += [f"{row.id}: there is no test {test} that carries this id" for test in gone]
        if not row.shown_by and tests.get(row.id):
            found.append(f"{row.id}: tests carry this id, but the page does not name them")
        if row.shown_by and row.still_open == UNPROVED:
            found.append(f"{row.id}: it is proved, so it is not open")
        if not row.shown_by and not row.still_open:
            found.append(f"{row.id}: neither a test nor a reason why it is open")
    return found


def map_complaints(text: str, rooms: set[str]) -> list[str]:
    """Return what is wrong with a map of the house: a text block whose indented lines stand below `app/`."""
    block = re.search(r"```text\n(app/\n.*?)```", text, re.DOTALL)
    if block is None:
        return ["there is no map: a text block that begins with app/"]
    inside = re.split(r"^\S", block[1].removeprefix("app/\n"), maxsplit=1, flags=re.MULTILINE)[0]
    heads = [re.split(r"\s{3,}", line.strip())[0] for line in inside.splitlines()]
    named = {word.removesuffix("/").removesuffix(".py") for head in heads for word in head.split()}
    tops = re.findall(r"^(\S+?)/", block[1], re.MULTILINE)
    found = [f"{room} is not on the map" for room in sorted(rooms - named)]
    found += [f"{room} is on the map, but not in app/" for room in sorted(named - rooms)]
    return found + [f"{top}/ is on the map, but not there" for top in tops if not (ROOT / top).is_dir()]


def test_the_picture_of_the_rooms_is_current() -> None:
    assert with_rooms(read(ROOMS)) == read(ROOMS), COMMAND
    assert "<!-- rooms: drawn -->" in read(ROOMS)


def test_the_picture_of_the_states_is_current() -> None:
    assert states_page() == read(STATES), COMMAND


def test_every_failure_row_is_proved_or_says_why_not() -> None:
    assert not row_complaints(read(ROWS), dict(row_tests())), COMMAND


def test_the_list_of_open_rows_is_current() -> None:
    assert with_open_rows(read(RELIABILITY), read_rows(read(ROWS))) == read(RELIABILITY), COMMAND


def test_the_page_of_failure_rows_has_every_row_of_its_chapters() -> None:
    present = {row.id for row in read_rows(read(ROWS))}
    wanted = {
        f"{chapter}{n}" for chapter, last in (("A", 14), ("B", 20), ("N", 16), ("S", 18)) for n in range(1, last + 1)
    }
    assert wanted <= present, sorted(wanted - present)


def test_seed_rows_are_true() -> None:
    found = seed_complaints(read("docs/seed.md"))
    assert not found, "correct docs/seed.md: a row may be open, never false\n" + "\n".join(found)


def test_the_map_in_the_readme_is_true() -> None:
    packages = {path.name for path in (ROOT / "app").iterdir() if (path / "__init__.py").exists()}
    found = map_complaints(read("README.md"), packages)
    modules = room_names() - packages
    found = [line for line in found if line.split()[0] not in modules]
    assert not found, "correct the map in README.md\n" + "\n".join(found)


@pytest.mark.parametrize("name", documents())
def test_links_lead_somewhere_and_no_machine_is_named(name: str) -> None:
    text = read(name)
    folder = (ROOT / name).parent
    dead = [link for link in _LINK.findall(text) if "://" not in link and not (folder / link).exists()]
    assert not dead, f"{name}: correct these links: {dead}"
    assert not _FOREIGN.search(text), f"{name}: name no path of one machine"


def test_decisions_are_numbered_and_take_one_page() -> None:
    files = sorted(path for path in (ROOT / "docs/decisions").glob("*.md") if path.name != "README.md")
    assert [path.name[:4] for path in files] == [f"{number:04d}" for number in range(1, len(files) + 1)]
    index = read("docs/decisions/README.md")
    for path in files:
        text = path.read_text(encoding="utf-8")
        missing = [part for part in _ADR_PARTS if part not in text]
        assert not missing, f"{path.name} lacks {missing}"
        assert text.count("\n") <= _ADR_LINES, f"{path.name}: a decision takes one page ({_ADR_LINES} lines)"
        assert path.name in index, f"add {path.name} to docs/decisions/README.md"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("| Motor | `app/motor.py` | `tests/house/test_style.py` | done |", "Motor: app/motor.py does not exist"),
        ("| Motor | `app/database.py` | | done |", "Motor: done, but it names no test"),
        ("| Motor | by hand | `tests/house/test_style.py` | done |", "Motor: done, but it names no file"),
        ("| Motor | `app/database.py` | `tests/house/test_style.py` | soon |", "Motor: the state 'soon'"),
        (
            "| Motor | `app/database.py` | `tests/house/test_style.py::test_nothing` | done |",
            "Motor: tests/house/test_style.py has no test_nothing",
        ),
    ],
)
def test_a_false_row_of_the_seed_is_noticed(row: str, complaint: str) -> None:
    (found,) = seed_complaints(row)
    assert found.startswith(complaint)


@pytest.mark.parametrize(
    ("row", "tests", "complaint"),
    [
        ("| A1 | x | | |", {}, "A1: neither a test nor a reason why it is open"),
        (
            "| A1 | x | `tests/t.py::test_a1_x` | |",
            {},
            "A1: there is no test tests/t.py::test_a1_x that carries this id",
        ),
        ("| A1 | x | | later |", {"A1": ("tests/t.py::test_a1_x",)}, "A1: tests carry this id, but the page does not"),
        ("", {"A1": ("tests/t.py::test_a1_x",)}, "A1: tests carry this id, but the page has no such row"),
    ],
)
def test_a_false_failure_row_is_noticed(row: str, tests: dict[str, tuple[str, ...]], complaint: str) -> None:
    (found,) = row_complaints(row, tests)
    assert found.startswith(complaint)


def test_writing_anew_names_the_tests_and_keeps_what_people_wrote() -> None:
    written = with_tests("| A1 | x | | later |\n| A2 | y | `old` | |", {"A1": ("tests/t.py::test_a1_x",)})
    assert written == "| A1 | x | `tests/t.py::test_a1_x` | later |\n| A2 | y |  | no test yet |"
    proved = with_tests("| A1 | x | | no test yet |", {"A1": ("tests/t.py::test_a1_x",)})
    assert proved == "| A1 | x | `tests/t.py::test_a1_x` |  |"


def test_row_ids_are_read_from_the_front_of_a_name() -> None:
    assert list(rows_named("test_a3_c3_a_write_whose_answer_is_lost")) == ["A3", "C3"]
    assert list(rows_named("test_the_a3_case")) == []


def test_a_false_map_is_noticed(tmp_path: Path) -> None:
    text = "```text\napp/\n  kit/  web/      shared\n  ghost/     nothing\n\nnowhere/    gone\n```"
    assert map_complaints(text, {"kit", "web", "payments"}) == [
        "payments is not on the map",
        "ghost is on the map, but not in app/",
        "nowhere/ is on the map, but not there",
    ]
    assert map_complaints("", {"kit"}) == ["there is no map: a text block that begins with app/"]
