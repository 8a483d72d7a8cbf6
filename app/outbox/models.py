"""Items of the outbox as values: events that tell of a fact, and jobs that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.kit.scope import Scope
from app.kit.transitions import Transitions


class Lane(StrEnum):
    """Queues that never wait for each other."""

    PAYMENTS = "payments"
    WEBHOOKS = "webhooks"
    BULK = "bulk"


class ItemKind(StrEnum):
    """What an item is: news for whoever listens, or work with one handler."""

    EVENT = "event"
    JOB = "job"


class ItemState(StrEnum):
    """Where an item stands. Only `waiting` is worked on."""

    WAITING = "waiting"
    DONE = "done"
    PARKED = "parked"


TRANSITIONS = Transitions(
    {
        ItemState.WAITING: frozenset({ItemState.DONE, ItemState.PARKED}),
        # A replay takes an item up again, whatever became of it: what it does, it does once.
        ItemState.DONE: frozenset({ItemState.WAITING}),
        ItemState.PARKED: frozenset({ItemState.WAITING}),
    }
)


@dataclass(frozen=True, slots=True)
class NewItem:
    """What a room wants told or done.

    Attributes:
        kind: news or work.
        lane: the queue.
        name: `noun.past_participle` of an event, `noun.verb` of a job.
        subject: our id of what it is about, such as `pmt_...`.
        key: unique for the merchant and mode: the same item written twice is one item.
        payload: small JSON facts; ids and amounts, never a secret or a personal datum.
        sequence: of an event: the subject's version, by which a listener puts events in order.
        delay: how long it waits before its first try.
    """

    kind: ItemKind
    lane: Lane
    name: str
    subject: str
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    sequence: int | None = None
    delay: timedelta = timedelta(0)


def event(name: str, subject: str, *, sequence: int, payload: Mapping[str, Any]) -> NewItem:
    """Return the event that a subject's change to this version is."""
    return NewItem(
        kind=ItemKind.EVENT,
        lane=Lane.WEBHOOKS,
        name=name,
        subject=subject,
        key=f"{name}:{subject}:{sequence}",
        payload=payload,
        sequence=sequence,
    )


def job(
    name: str,
    subject: str,
    *,
    lane: Lane = Lane.PAYMENTS,
    payload: Mapping[str, Any] | None = None,
    delay: timedelta = timedelta(0),
    once: str = "",
) -> NewItem:
    """Return work about a subject; `once` tells apart several pieces of the same work on one subject."""
    return NewItem(
        kind=ItemKind.JOB,
        lane=lane,
        name=name,
        subject=subject,
        key=f"{name}:{subject}:{once}",
        payload=payload or {},
        delay=delay,
    )


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it is kept.

    Attributes:
        due_at: by the database's clock; of an item that is being worked on, the end of its lease.
        attempts: claims that count as tries.
        deferrals: how often its handler asked for a later try.
        fence: grows with every claim: a late holder's writes match nothing (P3).
        reason: why it was postponed or parked: a code, never a text from outside.
    """

    id: str
    scope: Scope
    kind: ItemKind
    lane: Lane
    name: str
    subject: str
    payload: Mapping[str, Any]
    state: ItemState
    created_at: datetime
    due_at: datetime
    sequence: int | None = None
    attempts: int = 0
    fence: int = 0
    reason: str | None = None
    done_at: datetime | None = None
    deferrals: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An item with the token of the worker that holds it."""

    item: Item
    owner: str
