"""The numbers as a picture: one SVG, written by hand, that reads the same on paper and on a dark page."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.report import Side, Summary

_WIDTH = 760
_LEFT, _RIGHT = 170, 200
_TOP, _GROUP, _BAR = 64, 84, 26
_COLOURS = {"product": "#2f6feb", "bare": "#a9b4c2"}
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_INK, _QUIET, _PAPER = "#1b2430", "#5b6775", "#ffffff"


def draw(summaries: Sequence[Summary], *, subtitle: str) -> str:
    """Return the picture: requests a second of both applications, scenario by scenario."""
    height = _TOP + _GROUP * len(summaries) + 24
    most = max((side.per_second for summary in summaries for side in (summary.product, summary.bare)), default=1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" {_FONT} fill="{_INK}">',
        "<title>Requests a second of the product and of a bare application</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="{_PAPER}"/>',
        _text(20, 28, "Requests a second, one API process", size=16, weight=600),
        _text(20, 48, subtitle, colour=_QUIET),
    ]
    for number, summary in enumerate(summaries):
        parts += _group(summary, top=_TOP + number * _GROUP, most=most)
    return "\n".join([*parts, "</svg>", ""])


def _group(summary: Summary, *, top: int, most: float) -> list[str]:
    middle = top + _BAR + 12
    note = f"{summary.ratio:.2f} of the bare one"
    if summary.multiple is not None:
        note += f", {summary.multiple:.0f} times blocking"
    return [
        _text(20, middle, summary.title, weight=600),
        _text(20, middle + 18, note, colour=_QUIET, size=11),
        *_bar("product", summary.product, top=top + 12, most=most),
        *_bar("bare", summary.bare, top=top + 12 + _BAR + 4, most=most),
    ]


def _bar(name: str, side: Side, *, top: int, most: float) -> list[str]:
    length = max(2.0, (_WIDTH - _LEFT - _RIGHT) * side.per_second / most)
    label = f"{side.per_second:,.0f} /s  ({name}, p99 {side.p99_ms:.0f} ms)"
    return [
        f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="3" fill="{_COLOURS[name]}"/>',
        _text(_LEFT + length + 8, top + 17, label, size=12),
    ]


def _text(x: float, y: float, text: str, *, size: int = 13, weight: int = 400, colour: str = _INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )
