"""Templates and texts: nothing in them that the content policy or the escaping would have to forgive."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.pages.texts import Texts
from app.wiring_pages import PAGE_ROOMS
from tests.house.sources import ROOT

_TAG = re.compile(r"<[a-zA-Z][^>]*>")
_FORM = re.compile(r"<form[^>]*method=\"post\".*?</form>", re.DOTALL | re.IGNORECASE)

_BAD_TAGS: Mapping[str, re.Pattern[str]] = {
    "inline style": re.compile(r"\sstyle\s*="),
    "inline handler": re.compile(r"\son[a-z]+\s*="),
    "script without a nonce": re.compile(r'^<script(?!.*nonce="\{\{ nonce \}\}")'),
    "another host": re.compile(r'(src|href)="(https?:)?//'),
    "attribute without quotes": re.compile(r"\s[a-z-]+=\s*\{\{"),
}


def templates() -> list[str]:
    """Return every template of the product's own pages."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "app").rglob("*.html"))


def complaints(text: str) -> Iterator[str]:
    """Find what a page must not hold."""
    for tag in _TAG.findall(text):
        yield from (f"{what}: {tag}" for what, pattern in _BAD_TAGS.items() if pattern.search(tag))
    if re.search(r"<style", text):
        yield "a style sheet in the page"
    if re.search(r"\|\s*safe\b|autoescape\s+false", text):
        yield "escaping is switched off"
    for form in _FORM.findall(text):
        if not re.search(r"form_token\(\)|\{\{ token \}\}|data-no-token", form):
            yield f"a form without its token: {form[:80]}"


@pytest.mark.parametrize("name", templates())
def test_a_template_needs_no_forgiveness(name: str) -> None:
    assert list(complaints((ROOT / name).read_text(encoding="utf-8"))) == []


def test_every_room_s_texts_say_the_same_in_each_language() -> None:
    assert Texts.load(PAGE_ROOMS).differences() == []


def test_every_template_belongs_to_a_room_that_wiring_knows() -> None:
    rooms = {".".join(Path(name).parts[:2]) for name in templates()}
    assert rooms == set(PAGE_ROOMS)


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ('<p style="color:red">', "inline style"),
        ('<a onclick="x()">', "inline handler"),
        ("<script>1</script>", "script without a nonce"),
        ('<img src="//far.example/x.png">', "another host"),
        ("<p id={{ x }}>", "attribute without quotes"),
        ("{{ x | safe }}", "escaping is switched off"),
        ("<style>p{}</style>", "a style sheet"),
        ('<form method="post"><button></form>', "a form without its token"),
    ],
)
def test_a_planted_mistake_is_noticed(planted: str, complaint: str) -> None:
    (found,) = complaints(planted)
    assert found.startswith(complaint)
