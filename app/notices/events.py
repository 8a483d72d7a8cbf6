"""The work of notices, by its names: pure."""

from app.outbox.models import Item, Lane, NewItem, job

WRITE = "notices.write"
"""Finds out who is to be told of an event, and queues a notice for each (subject: the event's)."""

SEND = "notices.send"
"""Hands a notice to its carrier (subject: the notice)."""


def writing(item: Item) -> NewItem:
    """Return the job that an event causes; heard twice, it is the same."""
    facts = {"event": item.name, "facts": dict(item.payload)}
    return job(WRITE, item.subject, lane=Lane.BULK, payload=facts, once=item.id)


def sending(notice_id: str) -> NewItem:
    """Return the job that sends a notice."""
    return job(SEND, notice_id, lane=Lane.BULK)
