"""The four independent sources that a run is judged by.

(a) the processor's journal, (b) a majority dump of our database, (c) the clients' history, (d) what merchants'
receivers got. A check that needs a source which a sample leaves out says that it did not run.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from tests.chaos.history import History
from tests.chaos.stage import DATABASE, Stage

Document = dict[str, Any]
Fact = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Journal:
    """What the processor did."""

    facts: Sequence[Fact]

    @classmethod
    def read(cls, path: Path) -> "Journal":
        """Read the simulator's file; its last line may be cut off."""
        lines = path.read_text(encoding="utf-8").splitlines()
        return cls([json.loads(line) for line in lines if line.endswith("}")])

    def of(self, *kinds: str) -> list[Fact]:
        """Return the facts of these kinds, in order."""
        return [fact for fact in self.facts if fact["kind"] in kinds]

    @property
    def captured(self) -> Mapping[str, Fact]:
        """Return the captures, by payment id of the processor."""
        return {fact["payment"]: fact for fact in self.of("payment.captured")}

    @property
    def refunds(self) -> Mapping[str, Fact]:
        """Return the refunds of captured payments that did not fail, by refund id."""
        failed = {fact["refund"] for fact in self.of("refund.failed")}
        captured = self.captured
        return {
            fact["refund"]: fact
            for fact in self.of("refund.created")
            if fact["payment"] in captured and fact["refund"] not in failed
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the checks look at. `accounts` maps the processor's accounts to our merchants."""

    journal: Journal
    dump: Mapping[str, Sequence[Document]]
    history: History
    logs: Mapping[str, Sequence[str]]
    accounts: Mapping[str, str]
    live_tokens: Sequence[str]
    snapshots: Sequence[str]
    modules: frozenset[str] = frozenset()
    receivers: Sequence[Fact] | None = None

    def collection(self, name: str) -> Sequence[Document]:
        """Return the documents of a collection; none when the product does not have it."""
        return self.dump.get(name, ())

    @property
    def payments(self) -> Sequence[Document]:
        """Return our payments."""
        return self.collection("payments")

    def builds(self, module: str) -> bool:
        """Tell whether the product has this part yet; by its code, so that a part that does nothing is not excused."""
        return module in self.modules

    def entries(self, kind: str) -> Mapping[str, Sequence[Document]]:
        """Return the ledger's entries of one kind of cause, by the cause's id."""
        found: dict[str, list[Document]] = defaultdict(list)
        for entry in self.collection("ledger_entries"):
            if entry["cause"]["kind"] == kind:
                found[entry["cause"]["id"]].append(entry)
        return found


BOOKS, EVENTS, REFUNDS = "app.payments.postings", "app.payments.events", "app.refunds.service"
SETTLEMENTS = "app.settlements.outcomes"


def parts_of_the_product() -> frozenset[str]:
    """Return which of the parts that checks depend on are there."""
    return frozenset(name for name in (BOOKS, EVENTS, REFUNDS, SETTLEMENTS) if _is_there(name))


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def client_of(stage: Stage) -> "AsyncMongoClient[Document]":
    """Return a client that reads what a majority has."""
    return AsyncMongoClient(
        stage.cluster.url, readConcernLevel="majority", w="majority", serverSelectionTimeoutMS=5000, tz_aware=True
    )


async def dump_of(stage: Stage) -> dict[str, list[Document]]:
    """Return every document of our database as a majority has it, all of the same moment."""
    async with client_of(stage) as client, client.start_session(snapshot=True) as session:
        database = client[DATABASE]
        return {
            name: [document async for document in database[name].find(session=session)]
            for name in await database.list_collection_names()
        }


def read_logs(stage: Stage) -> dict[str, list[str]]:
    """Return the lines of every process of the product."""
    return {
        program.name: program.log.read_text(encoding="utf-8", errors="replace").splitlines()
        for program in stage.products
    }


def repeated(values: Iterable[Any]) -> list[Any]:
    """Return the values that come more than once."""
    return [value for value, count in Counter(values).items() if count > 1]
