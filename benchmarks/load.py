"""Clients in a closed loop: each waits for its answer before it asks again. Runs in a process of its own.

Answers are read by hand, because a full HTTP client would cost more than the server under test: the server is known
to answer with a Content-Length, and anything else counts as wrong.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from benchmarks.traffic import EXPECTED, Access, Expected, Scenario, requests_of

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_DRAIN_SECONDS = 30.0
_SHOWN_BYTES = 300


@dataclass(slots=True)
class Outcome:
    """What the clients saw.

    Attributes:
        good: right answers, also those before and after the measured time.
        seconds: how long was measured.
        micros: latencies of the right answers within the measured time, in microseconds.
        wrong: wrong answers by what was wrong with them.
        sample: the start of one wrong answer.
    """

    good: int = 0
    seconds: float = 0.0
    micros: list[int] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    sample: str = ""

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        """Return what another process saw."""
        values = json.loads(text)
        return cls(**{**values, "wrong": Counter(values["wrong"])})

    def to_json(self) -> str:
        """Return it for another process."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({**values, "wrong": dict(self.wrong)})


class Run:
    """One run of all clients, which share its clock, its requests and its outcome."""

    def __init__(self, requests: Iterator[bytes], expected: Expected, *, warmup: float, seconds: float) -> None:
        """Measure `seconds` after `warmup` seconds."""
        self._requests = requests
        self._expected = expected
        self.outcome = Outcome()
        self.measured_from = time.perf_counter() + warmup
        self.measured_to = self.measured_from + seconds
        self.open_clients = 0
        self.finished = asyncio.get_running_loop().create_future()

    def next_request(self) -> bytes | None:
        """Return what to send next, None when the time is up."""
        return next(self._requests) if time.perf_counter() < self.measured_to else None

    def note(self, status: int, body: bytes, *, sent_at: float) -> None:
        """Judge one answer."""
        now = time.perf_counter()
        if status != self._expected.status or self._expected.contains not in body:
            self.complain(f"status {status}" if status != self._expected.status else "unexpected body", body)
            return
        self.outcome.good += 1
        if self.measured_from <= now <= self.measured_to:
            self.outcome.micros.append(int((now - sent_at) * 1_000_000))

    def complain(self, what: str, body: bytes = b"") -> None:
        """Count something wrong."""
        self.outcome.wrong[what] += 1
        self.outcome.sample = self.outcome.sample or body[:_SHOWN_BYTES].decode(errors="replace")

    def leave(self) -> None:
        """Note that one client is done."""
        self.open_clients -= 1
        if self.open_clients == 0 and not self.finished.done():
            self.finished.set_result(None)


class Client(asyncio.Protocol):
    """One client on one keep-alive connection."""

    def __init__(self, run: Run) -> None:
        """Take part in a run."""
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._whole_length = 0
        self._body_start = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._run.open_clients += 1
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that ended while an answer was due."""
        if self._transport is not None:
            self._transport = None
            self._run.complain(f"connection lost ({type(exc).__name__})")
            self._run.leave()

    def data_received(self, data: bytes) -> None:
        """Collect one answer, judge it, and ask again."""
        self._received = self._received + data if self._received else data
        if not self._whole_length and not self._read_head():
            return
        if len(self._received) < self._whole_length:
            return
        status = int(self._received[9:12])
        body = self._received[self._body_start : self._whole_length]
        is_exact = len(self._received) == self._whole_length
        self._received, self._whole_length = b"", 0
        if not is_exact:
            self._run.complain("more than one answer")
        self._run.note(status, body, sent_at=self._sent_at)
        self._ask()

    def _read_head(self) -> bool:
        end = self._received.find(_HEAD_END)
        if end < 0:
            return False
        head = self._received[:end].lower()
        at = head.find(_LENGTH)
        if at < 0:
            self._run.complain("no content length", self._received)
            self._stop()
            return False
        length = int(head[at + len(_LENGTH) :].partition(b"\r\n")[0])
        self._body_start = end + len(_HEAD_END)
        self._whole_length = self._body_start + length
        return True

    def _ask(self) -> None:
        request = self._run.next_request()
        if request is None or self._transport is None:
            self._stop()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _stop(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
            self._run.leave()


async def run_clients(scenario: Scenario, access: Access, *, clients: int, warmup: float, seconds: float) -> Outcome:
    """Run the clients against one application and return what they saw; also an unfinished run is an outcome."""
    run = Run(requests_of(scenario, access), EXPECTED[scenario], warmup=warmup, seconds=seconds)
    loop = asyncio.get_running_loop()
    connecting = (loop.create_connection(lambda: Client(run), access.host, access.port) for _ in range(clients))
    await asyncio.gather(*connecting)
    try:
        async with asyncio.timeout(warmup + seconds + _DRAIN_SECONDS):
            await run.finished
    except TimeoutError:
        run.complain(f"no answer within {_DRAIN_SECONDS:.0f} s")
    run.outcome.seconds = seconds
    return run.outcome


def main() -> None:
    """Run the command: the scenario and its size as options, the access as JSON on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", type=Scenario, choices=list(Scenario))
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--warmup", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    fields: dict[str, Any] = json.load(sys.stdin)
    outcome = uvloop.run(
        run_clients(
            options.scenario,
            Access(**fields),
            clients=options.clients,
            warmup=options.warmup,
            seconds=options.seconds,
        )
    )
    print(outcome.to_json())


if __name__ == "__main__":
    main()
