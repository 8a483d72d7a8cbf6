"""Deliberately broken builds: a harness that does not fail on them proves nothing.

`python -m tests.chaos.mutants NAME COMMAND` runs the product's command line after breaking it. A mutant is a name, a
sentence, and what it does to the product before `app.wiring` is loaded; add one to `MUTANTS`, and `make chaos-mutants`
runs it.
"""

import asyncio
import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tests.chaos.builds import Build

VARIABLE = "CHAOS_MUTANT"
_JANITOR_OFF = "janitor-off"
_WINDOW_SECONDS = 0.5
_LAUNCHER = (sys.executable, "-m", "tests.chaos.mutants")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One broken build.

    Attributes:
        breaks: what it does to the product's modules.
        url_options: further options of its connection string.
        has_janitor: whether scheduled checks run; they repair what some mutants lose.
        shown_by: the invariants that are meant to catch it.
        script: faults that meet it soon; `make chaos MUTANT=...` leaves it to the seed.
    """

    name: str
    sentence: str
    shown_by: tuple[str, ...]
    script: Sequence[tuple[float, str, float]] = ()
    breaks: Callable[[], None] = lambda: None
    url_options: str = ""
    has_janitor: bool = True

    def build(self) -> Build:
        """Return how it is run."""
        command = (*_LAUNCHER, self.name if self.has_janitor else f"{self.name},{_JANITOR_OFF}")
        return Build(command=command, has_janitor=self.has_janitor, url_options=self.url_options)


def build_of(mutant: str, *, has_janitor: bool = True) -> Build:
    """Return the build of a mutant's name; an empty name is the product itself."""
    if mutant:
        return MUTANTS[mutant].build()
    return Build() if has_janitor else Build(command=(*_LAUNCHER, _JANITOR_OFF), has_janitor=False)


def _without_unique_keys() -> None:
    """Let the payments' collection take a key and a reference twice: look, then insert."""
    store = import_module("app.payments.store")
    dropped = {"tenant_idempotency_key", "tenant_reference"}
    first, *others = store.COLLECTIONS
    kept = tuple(index for index in first.indexes if index.name not in dropped)
    _require(len(kept) == len(first.indexes) - len(dropped) and "app.wiring" not in sys.modules)
    store.COLLECTIONS = (dataclasses.replace(first, indexes=kept), *others)


def _last_write_wins() -> None:
    """Take the newest word for the truth, whatever was known before."""
    outcomes, store, models = (import_module(f"app.payments.{name}") for name in ("outcomes", "store", "models"))
    merge = outcomes.merge

    def forgetful(payment: Any, snapshot: Any, **how: Any) -> Any:
        others = tuple(attempt for attempt in payment.attempts if attempt.id != snapshot.id)
        blank = dataclasses.replace(payment, attempts=others, status=models.PaymentStatus.PENDING)
        return merge(blank, snapshot, **how)

    class Anything:
        @staticmethod
        def sources(_: Any) -> frozenset[Any]:
            return frozenset(models.PaymentStatus)

    outcomes.merge = forgetful
    _require(hasattr(store, "TRANSITIONS"))
    store.TRANSITIONS = Anything


def _seen_before_applied() -> None:
    """Mark an event before its effect: whoever dies in between has lost it."""
    store = import_module("app.inbox.store")
    claim = store.InboxStore.claim_due_event

    async def claim_and_mark(self: Any, *, owner: str) -> Any:
        claimed = await claim(self, owner=owner)
        if claimed is not None:
            await self._events.update_one({"_id": claimed.event.id}, {"$set": {"state": "applied"}})
            # A moment for the schedule of faults to meet; a real build needs more luck.
            await asyncio.sleep(_WINDOW_SECONDS)
        return claimed

    async def finish(self: Any, *_: Any, **__: Any) -> None:
        """Do nothing: it was marked already."""

    store.InboxStore.claim_due_event = claim_and_mark
    store.InboxStore.finish_event = finish


def _unknown_is_a_defect() -> None:
    """Answer 500 where the outcome is unknown."""
    errors = import_module("app.web.errors")
    _require(hasattr(errors, "is_unknown_outcome"))
    errors.is_unknown_outcome = lambda _: False


def _answers_made_anew() -> None:
    """Render a repeated key's answer anew instead of giving the kept one."""
    intents = import_module("app.payments.intents")
    claimed = intents._claimed

    def forgetful(document: Any) -> Any:
        return dataclasses.replace(claimed(document), response=None)

    async def record(self: Any, *_: Any, **__: Any) -> bool:
        return True

    async def take_over(self: Any, _: Any, payment_id: str, **__: Any) -> Any:
        return forgetful(await self._payments.find_one({"_id": payment_id}))

    intents._claimed = forgetful
    intents.IntentStore.record_response = record
    intents.IntentStore.take_over_key = take_over


def _without_checks() -> None:
    """Run no scheduled check: only what clients and events bring moves anything."""
    worker = import_module("app.worker")
    lanes_of = worker.lanes_of
    worker.lanes_of = lambda wiring: tuple(lane for lane in lanes_of(wiring) if "check" not in lane.name)


def _require(holds: bool) -> None:  # noqa: FBT001  a plain assertion that survives -O
    if not holds:
        raise AssertionError("the product has changed: this mutant breaks nothing any more")


MUTANTS: Mapping[str, Mutant] = {
    mutant.name: mutant
    for mutant in (
        Mutant("look-then-insert", "no unique index on key and reference", ("I13",), breaks=_without_unique_keys),
        Mutant(
            "last-write-wins",
            "evidence replaces what was known",
            ("I1", "I5", "I12", "I14"),
            ((1, "webhooks-hostile", 6), (8, "webhooks-hostile", 6)),
            _last_write_wins,
        ),
        Mutant(
            "acknowledged-by-one",
            "a write counts when one member has it",
            ("I5", "I12", "I13"),
            ((3, "isolate-primary-with-its-clients", 6), (16, "isolate-primary-with-its-clients", 6)),
            url_options="w=1&journal=false&readConcernLevel=local",
        ),
        Mutant(
            "seen-before-applied",
            "an event is marked before its effect, and no check repairs it",
            ("I1",),
            ((3, "kill-worker", 1), (6, "kill-worker", 1), (9, "kill-worker", 1), (12, "kill-worker", 1)),
            _seen_before_applied,
            has_janitor=False,
        ),
        Mutant(
            "unknown-is-500",
            "an unknown outcome is answered as a defect",
            ("I16",),
            ((3, "lose-majority", 6),),
            _unknown_is_a_defect,
        ),
        Mutant("answers-made-anew", "a repeated key is answered anew", ("I13",), breaks=_answers_made_anew),
    )
}


def main() -> None:
    """Break the product as named, then run its command line."""
    names = sys.argv.pop(1).split(",")
    os.environ.setdefault(VARIABLE, ",".join(names))
    for name in names:
        breaks = _without_checks if name == _JANITOR_OFF else MUTANTS[name].breaks
        breaks()
    import_module("app.cli").main()


if __name__ == "__main__":
    main()
