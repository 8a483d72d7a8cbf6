"""Charts as SVG, drawn by the server: bars, a line, a ring, a meter. Pure; colours come from the style sheet.

Each has a title and a description for those who hear it, and every mark has a title of its own to point at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 720, 200
_BELOW, _ABOVE = 22, 10
_PLOT = HEIGHT - _BELOW - _ABOVE
_MOST_LABELS = 8
_RING = 1000
_COLOURS = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """One value: what it is of, how much, and how that is written. None is a gap in a line."""

    label: str
    value: int | None
    shown: str


def bars(marks: Sequence[Mark], *, title: str, description: str) -> Markup:
    """Return a bar for each mark, the tallest as high as the picture."""
    top = max((mark.value or 0 for mark in marks), default=0) or 1
    step = WIDTH * 100 // max(1, len(marks))
    width = max(100, step * 7 // 10)
    drawn = []
    for at, mark in enumerate(marks):
        value = mark.value or 0
        height = max(2, value * _PLOT // top) if value else 0
        x = at * step + (step - width) // 2
        hint = f"{mark.label}: {mark.shown}"
        drawn.append(
            _rect("chart-hit", x=at * step, y=0, width=step, height=_ABOVE + _PLOT, hint=hint)
            + _rect("chart-bar", x=x, y=_ABOVE + _PLOT - height, width=width, height=height, hint=hint)
        )
    return _picture([_grid(), *drawn, _labels(marks, step)], title=title, description=description)


def line(marks: Sequence[Mark], *, top: int, title: str, description: str) -> Markup:
    """Return a line through the marks, from nothing to `top`; it is broken where a mark has no value."""
    step = WIDTH * 100 // max(1, len(marks))
    runs: list[list[str]] = [[]]
    dots = []
    for at, mark in enumerate(marks):
        if mark.value is None:
            runs.append([])
            continue
        x, y = at * step + step // 2, _ABOVE + _PLOT - min(mark.value, top) * _PLOT // max(1, top)
        runs[-1].append(f"{_hundredths(x)},{y}")
        dots.append(
            Markup('<circle class="chart-dot" cx="{}" cy="{}" r="3"><title>{}: {}</title></circle>').format(
                _hundredths(x), y, mark.label, mark.shown
            )
        )
    lines = [Markup('<polyline class="chart-line" points="{}"/>').format(" ".join(run)) for run in runs if len(run) > 1]
    return _picture([_grid(), *lines, *dots, _labels(marks, step)], title=title, description=description)


def ring(marks: Sequence[Mark], *, title: str, description: str) -> Markup:
    """Return a ring with a part for each mark; the legend beside it uses the same classes, `part-0` and on."""
    whole = sum(mark.value or 0 for mark in marks)
    parts, begun = [Markup('<circle class="ring-rest" cx="50" cy="50" r="40"/>')], 0
    for at, mark in enumerate(marks):
        until = (begun_value := sum(one.value or 0 for one in marks[:at])) + (mark.value or 0)
        begun, ends = begun_value * _RING // max(1, whole), until * _RING // max(1, whole)
        parts.append(
            Markup(
                '<circle class="ring-part part-{}" cx="50" cy="50" r="40" pathLength="1000"'
                ' stroke-dasharray="{} {}" stroke-dashoffset="{}"><title>{}: {}</title></circle>'
            ).format(at % _COLOURS, ends - begun, _RING - ends + begun, -begun, mark.label, mark.shown)
        )
    return Markup('<svg class="ring" viewBox="0 0 100 100" role="img" aria-label="{}. {}">{}</svg>').format(
        title, description, Markup("").join(parts)
    )


def meter(value: int, *, most: int) -> Markup:
    """Return a bar that is as long as a value's share; the number stands beside it, so it says nothing itself."""
    width = 0 if most <= 0 else max(1, min(1000, value * 1000 // most)) if value else 0
    return Markup(
        '<svg class="meter" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="meter-rest" width="1000" height="8"/><rect class="meter-part" width="{}" height="8"/></svg>'
    ).format(width)


def _picture(parts: Sequence[Markup], *, title: str, description: str) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}. {}">{}</svg>').format(
        WIDTH, HEIGHT, title, description, Markup("").join(parts)
    )


def _grid() -> Markup:
    lines = [
        Markup('<line class="chart-grid" x1="0" x2="{}" y1="{}" y2="{}"/>').format(WIDTH, y, y)
        for y in (_ABOVE, _ABOVE + _PLOT // 2, _ABOVE + _PLOT)
    ]
    return Markup("").join(lines)


def _labels(marks: Sequence[Mark], step: int) -> Markup:
    every = max(1, -(-len(marks) // _MOST_LABELS))
    drawn = [
        Markup('<text class="chart-label" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            _hundredths(at * step + step // 2), HEIGHT - 5, mark.label
        )
        for at, mark in enumerate(marks)
        if at % every == every // 2
    ]
    return Markup("").join(drawn)


def _rect(name: str, *, x: int, y: int, width: int, height: int, hint: str) -> Markup:
    """Return a rectangle; `x` and `width` are hundredths, so that many narrow bars still fill the picture."""
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>').format(
        name, _hundredths(x), y, _hundredths(width), height, hint
    )


def _hundredths(number: int) -> str:
    whole, part = divmod(number, 100)
    return f"{whole}.{part:02d}"
