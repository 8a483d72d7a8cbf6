"""What the clients saw, in Jepsen's form: each operation is invoked and then ends in ok, fail or info (unknown)."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO


class Type(StrEnum):
    """What a line tells. `info` means unknown: both outcomes are legal."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


WRITES = frozenset({"create", "capture", "verify", "cancel", "refund"})
"""Operations that write to our database."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: which operation of which client, when (seconds since the start), what was asked or answered."""

    op: int
    process: int
    type: Type
    f: str
    at: float
    value: Mapping[str, Any]


@dataclass(slots=True)
class Operation:
    """An operation as a whole."""

    invoked: Line
    ended: Line | None = None

    @property
    def f(self) -> str:
        """Return what was done."""
        return self.invoked.f

    @property
    def type(self) -> Type:
        """Return how it ended; what never ended is unknown."""
        return Type.INFO if self.ended is None else self.ended.type

    @property
    def seconds(self) -> float:
        """Return how long it took; 0 when it never ended."""
        return 0.0 if self.ended is None else self.ended.at - self.invoked.at

    @property
    def answer(self) -> Mapping[str, Any]:
        """Return what came back."""
        return {} if self.ended is None else self.ended.value


@dataclass(slots=True)
class History:
    """Collects the lines, and writes each to a file as it comes; `wrote_at` is when a write was acknowledged last."""

    file: TextIO
    lines: list[Line] = field(default_factory=list)
    operations: dict[int, Operation] = field(default_factory=dict)
    wrote_at: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    @classmethod
    def to(cls, path: Path) -> "History":
        """Return a history that is written to a file."""
        return cls(path.open("w", encoding="utf-8", buffering=1))

    @property
    def now(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._began

    def invoke(self, process: int, f: str, **value: Any) -> int:
        """Note that an operation begins; return its number."""
        number = len(self.operations)
        line = self._write(number, process, Type.INVOKE, f, value)
        self.operations[number] = Operation(line)
        return number

    def end(self, number: int, type_: Type, **value: Any) -> None:
        """Note how an operation ended."""
        operation = self.operations[number]
        operation.ended = self._write(number, operation.invoked.process, type_, operation.f, value)
        if type_ is Type.OK and operation.f in WRITES:
            self.wrote_at = operation.ended.at

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations.values())

    def slice_about(self, *words: str, most: int = 12) -> list[str]:
        """Return the last lines that name any of the words: what somebody wants to read beside a violation."""
        shown = [json.dumps(asdict(line)) for line in self.lines]
        return [line for line in shown if any(word and word in line for word in words)][-most:]

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _write(self, number: int, process: int, type_: Type, f: str, value: Mapping[str, Any]) -> Line:
        line = Line(number, process, type_, f, round(self.now, 6), value)
        self.lines.append(line)
        self.file.write(json.dumps(asdict(line)) + "\n")
        return line
