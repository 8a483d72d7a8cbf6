"""From rounds to numbers: rates, percentiles, ratios, the table and the JSON. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.traffic import Scenario

BLOCKING_PER_SECOND = 9.5
"""Payments a second of a blocking implementation of the seed's design, with a processor that takes 100 ms."""

LEAST_MULTIPLE, AIMED_MULTIPLE = 30, 50
LEAST_RATIO, AIMED_RATIO = 0.6, 0.8
_TITLES = {
    Scenario.CREATE: "POST /payments",
    Scenario.WEBHOOK: "webhook intake",
    Scenario.READ: "authenticated read",
}


@dataclass(frozen=True, slots=True)
class Round:
    """One application under load for a while.

    Attributes:
        good: right answers of the whole round, with warm-up and end.
        seconds: the measured time.
        micros: latencies of the right answers within it, in microseconds.
        cpu_seconds: of each process over the whole round.
        wall_seconds: how long the whole round took.
    """

    good: int
    seconds: float
    micros: Sequence[int]
    cpu_seconds: Mapping[str, float]
    wall_seconds: float

    @property
    def per_second(self) -> float:
        """Return the right answers a second."""
        return len(self.micros) / self.seconds

    @property
    def cpu_micros(self) -> float:
        """Return the API process's CPU time per right answer, in microseconds."""
        return self.cpu_seconds["api"] / self.good * 1_000_000 if self.good else math.nan


@dataclass(frozen=True, slots=True)
class Pair:
    """The product and the bare application, one right after the other: other work on the machine hits both."""

    product: Round
    bare: Round


@dataclass(frozen=True, slots=True)
class Side:
    """One application in one scenario, over all rounds; milliseconds and microseconds as the names say."""

    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_micros: float
    cores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Summary:
    """One scenario.

    Attributes:
        product, bare: the two sides.
        ratio: the product's rate by the bare application's, the median of the pairs.
        cpu_ratio: the bare application's CPU time per answer by the product's, the median of the pairs. It hardly
            depends on what else the machine does.
    """

    scenario: Scenario
    product: Side
    bare: Side
    ratio: float
    cpu_ratio: float

    @property
    def title(self) -> str:
        """Return what people call it."""
        return _TITLES[self.scenario]

    @property
    def multiple(self) -> float | None:
        """Return how many times the blocking implementation this is; it is known for creations only."""
        return self.product.per_second / BLOCKING_PER_SECOND if self.scenario is Scenario.CREATE else None


def summarise(scenario: Scenario, pairs: Sequence[Pair]) -> Summary:
    """Return the summary of a scenario's pairs, of which there is at least one."""
    return Summary(
        scenario=scenario,
        product=_side([pair.product for pair in pairs]),
        bare=_side([pair.bare for pair in pairs]),
        ratio=median(_quotient(pair.product.per_second, pair.bare.per_second) for pair in pairs),
        cpu_ratio=median(_quotient(pair.bare.cpu_micros, pair.product.cpu_micros) for pair in pairs),
    )


def percentile(ordered: Sequence[int], share: float) -> float:
    """Return the smallest value that at least this share of the ordered values doesn't exceed; nan for none."""
    if not ordered:
        return math.nan
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])


def table(summaries: Sequence[Summary]) -> str:
    """Return the numbers for people."""
    columns = "".join(f"{name:>9}" for name in ("p50 ms", "p95 ms", "p99 ms", "CPU µs"))
    lines = [f"{'':29}{'per second':>11}{columns}  cores (api, mongod, other)"]
    for summary in summaries:
        for name, side in (("product", summary.product), ("bare", summary.bare)):
            title = summary.title if name == "product" else ""
            cores = ", ".join(f"{share:.2f}" for share in side.cores.values())
            lines.append(
                f"{title:20}{name:9}{side.per_second:11.0f}{side.p50_ms:9.1f}{side.p95_ms:9.1f}{side.p99_ms:9.1f}"
                f"{side.cpu_micros:9.0f}  {cores}"
            )
    lines.append("")
    lines += [_verdict(summary) for summary in summaries]
    return "\n".join(lines)


def to_json(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """Return the numbers for programs."""
    return [
        {
            "scenario": summary.scenario.value,
            "title": summary.title,
            "ratio": round(summary.ratio, 3),
            "cpu_ratio": round(summary.cpu_ratio, 3),
            "multiple_of_blocking": None if summary.multiple is None else round(summary.multiple, 1),
            "product": _side_json(summary.product),
            "bare": _side_json(summary.bare),
        }
        for summary in summaries
    ]


def _side(rounds: Sequence[Round]) -> Side:
    micros = sorted(micro for one in rounds for micro in one.micros)
    wall = sum(one.wall_seconds for one in rounds)
    return Side(
        per_second=median(one.per_second for one in rounds),
        p50_ms=percentile(micros, 0.50) / 1000,
        p95_ms=percentile(micros, 0.95) / 1000,
        p99_ms=percentile(micros, 0.99) / 1000,
        cpu_micros=median(one.cpu_micros for one in rounds),
        cores={name: sum(one.cpu_seconds[name] for one in rounds) / wall for name in rounds[0].cpu_seconds},
    )


def _verdict(summary: Summary) -> str:
    ratio = f"{summary.title}: {summary.ratio:.2f} of the bare application's rate"
    ratio += f" (at least {LEAST_RATIO}, aim {AIMED_RATIO}; by CPU time {summary.cpu_ratio:.2f})"
    if summary.multiple is None:
        return f"{ratio}."
    multiple = f"{summary.multiple:.0f} times a blocking implementation's {BLOCKING_PER_SECOND} a second"
    return f"{ratio}; {multiple} (at least {LEAST_MULTIPLE}, aim {AIMED_MULTIPLE})."


def _side_json(side: Side) -> dict[str, Any]:
    return {
        "per_second": round(side.per_second, 1),
        "p50_ms": round(side.p50_ms, 2),
        "p95_ms": round(side.p95_ms, 2),
        "p99_ms": round(side.p99_ms, 2),
        "cpu_micros_per_request": round(side.cpu_micros, 1),
        "cores": {name: round(share, 3) for name, share in side.cores.items()},
    }


def _quotient(above: float, below: float) -> float:
    return above / below if below else math.nan
