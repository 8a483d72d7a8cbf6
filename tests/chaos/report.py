"""A run as a text and as a picture: what was done, what went wrong when, how long answers took."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from tests.chaos.history import WRITES, Operation, Type
from tests.chaos.nemesis import Lane
from tests.chaos.run import Result

_SHOWN = 20
_WIDTH, _LEFT, _RIGHT = 1100, 150, 20
_RATE_TOP, _RATE_HEIGHT = 70, 130
_LATENCY_TOP, _LATENCY_HEIGHT = 240, 150
_FAULTS_TOP, _FAULT_HEIGHT, _ROWS = 430, 16, 3
_MOST_SECONDS = 15.0
_LEAST_SECONDS = 0.001
_FONT = 'font-family="system-ui, sans-serif" font-size="12"'
_INK, _QUIET, _PAPER = "#1b2430", "#5b6775", "#ffffff"
_COLOURS = {Type.OK: "#2f9e62", Type.FAIL: "#a9b4c2", Type.INFO: "#d9822b"}
_LANES = {Lane.DATABASE: "#c2413b", Lane.PROCESSES: "#2f6feb", Lane.PROCESSOR: "#8a5cd0"}


def longest_gap(operations: Sequence[Operation], *, after: float, before: float) -> float:
    """Return the longest time between two acknowledged writes within a span, in seconds."""
    ends = sorted(
        one.ended.at
        for one in operations
        if one.ended is not None and one.type is Type.OK and one.f in WRITES and after <= one.ended.at <= before
    )
    return max((late - early for early, late in pairwise([after, *ends, before])), default=before - after)


def text_of(result: Result) -> str:
    """Return the report as text."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Result) -> Iterator[str]:
    plan, operations = result.plan, list(result.history)
    verdict = "every promise held" if result.is_good else "BROKEN"
    took = f"{len(operations)} operations in {plan.seconds:g} s, {result.seconds:.0f} s in all"
    yield f"seed {plan.seed}: {verdict}; {took}"
    for f in sorted({operation.f for operation in operations}):
        ends = Counter(operation.type for operation in operations if operation.f == f)
        times = sorted(operation.seconds for operation in operations if operation.f == f)
        shown = ", ".join(f"{ends[type_]} {type_}" for type_ in (Type.OK, Type.FAIL, Type.INFO))
        yield f"  {f:12} {shown:34} p50 {_at(times, 0.5):6.3f} s  p99 {_at(times, 0.99):6.3f} s"
    yield "faults (seconds after the start, and for how long):"
    # The load goes on after its time until there are enough operations, and a fault may come when it is over.
    answered = max((one.ended.at for one in operations if one.ended is not None), default=0.0)
    for fault in sorted(result.faults, key=lambda fault: fault.at):
        gap = longest_gap(operations, after=fault.at, before=max(fault.at, min(fault.ends + 5, answered)))
        yield f"  {fault.at:7.2f}  {fault.seconds:6.2f}  {fault.name:34} longest time without a write {gap:5.2f} s"
    unmade = ", ".join(result.verdict.not_run) or "nothing"
    yield f"not checked, for want of a source or a part of the product: {unmade}"
    if not result.is_at_rest:
        yield "it did not come to rest: something stayed open"
    violations = result.verdict.violations
    yield f"violations: {len(violations)}"
    for violation in violations[:_SHOWN]:
        yield f"  {violation.invariant}: {violation.what}"
    if violations:
        yield f"how the first came about ({violations[0].invariant}):"
        yield from (f"  {line}" for line in result.history.slice_about(*violations[0].about))
        yield f"repeat with: make chaos SEED={plan.seed} SEEDS=1 SECONDS={plan.seconds:g}"


def picture_of(result: Result) -> str:
    """Return the timeline as an SVG: answers a second, how long they took, and the faults below."""
    span = max([result.plan.seconds, *(fault.ends for fault in result.faults)])
    height = _FAULTS_TOP + len(Lane) * (_ROWS * _FAULT_HEIGHT + 14) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" {_FONT} fill="{_INK}">',
        f"<title>Chaos run of seed {result.plan.seed}</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="{_PAPER}"/>',
        _text(20, 28, f"Seed {result.plan.seed}: {len(result.history.operations)} operations", size=16, weight=600),
        *_legend(),
        *_rates(result, span),
        *_latencies(result, span),
        *_faults(result, span),
        *_axis(span, height - 12),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend() -> Iterator[str]:
    words = {Type.OK: "acknowledged", Type.FAIL: "refused", Type.INFO: "unknown"}
    for number, (type_, word) in enumerate(words.items()):
        yield f'<rect x="{500 + number * 130}" y="19" width="10" height="10" fill="{_COLOURS[type_]}"/>'
        yield _text(516 + number * 130, 28, word, colour=_QUIET)


def _rates(result: Result, span: float) -> Iterator[str]:
    """Draw how many operations ended in each second, by how they ended."""
    counts = Counter((int(one.ended.at), one.type) for one in result.history if one.ended and one.ended.at <= span)
    seconds = {second for second, _ in counts}
    most = max((sum(counts[second, type_] for type_ in _COLOURS) for second in seconds), default=1)
    yield _text(20, _RATE_TOP + 12, "operations a second", colour=_QUIET)
    yield _text(20, _RATE_TOP + 28, f"at most {most}", colour=_QUIET)
    width = _x(1, span) - _x(0, span)
    for second in sorted(seconds):
        bottom = float(_RATE_TOP + _RATE_HEIGHT)
        for type_, colour in _COLOURS.items():
            tall = _RATE_HEIGHT * counts[second, type_] / most
            bottom -= tall
            if tall:
                yield _bar(_x(second, span), bottom, max(width - 0.5, 0.5), tall, colour)


def _latencies(result: Result, span: float) -> Iterator[str]:
    """Draw a point for each operation: how long it took, on a logarithmic scale."""
    for seconds in (0.001, 0.01, 0.1, 1, 10):
        y = _y(seconds)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e8ee"/>'
        yield _text(_LEFT - 44, y + 4, f"{seconds:g} s", colour=_QUIET, size=10)
    yield _text(20, _LATENCY_TOP - 10, "time to answer", colour=_QUIET)
    for one in result.history:
        if one.ended is not None and one.ended.at <= span:
            x, y = _x(one.ended.at, span), _y(one.seconds)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.3" fill="{_COLOURS[one.type]}" fill-opacity="0.6"/>'


def _faults(result: Result, span: float) -> Iterator[str]:
    """Draw each fault as a bar in its lane."""
    for number, lane in enumerate(Lane):
        top = _FAULTS_TOP + number * (_ROWS * _FAULT_HEIGHT + 14)
        yield _text(20, top + 12, lane.value, colour=_LANES[lane], weight=600)
        faults = sorted((fault for fault in result.faults if fault.lane is lane), key=lambda fault: fault.at)
        for row, fault in enumerate(faults):
            y, x = top + row % _ROWS * _FAULT_HEIGHT, _x(fault.at, span)
            yield _bar(x, y, max(_x(fault.ends, span) - x, 3), 6, _LANES[lane])
            yield _text(x, y + 14, fault.name, size=8, colour=_QUIET)


def _axis(span: float, y: float) -> Iterator[str]:
    step = 10 if span > 40 else 5
    for second in range(0, int(span) + 1, step):
        yield _text(_x(second, span), y, f"{second} s", size=10, colour=_QUIET)


def _x(second: float, span: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * second / span


def _y(seconds: float) -> float:
    import math  # noqa: PLC0415  for this scale alone

    held = min(max(seconds, _LEAST_SECONDS), _MOST_SECONDS)
    share = math.log(held / _LEAST_SECONDS) / math.log(_MOST_SECONDS / _LEAST_SECONDS)
    return _LATENCY_TOP + _LATENCY_HEIGHT * (1 - share)


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def _bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, *, size: int = 12, weight: int = 400, colour: str = _INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )
