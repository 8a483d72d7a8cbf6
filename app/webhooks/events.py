"""The work that follows when an endpoint gets no more of something: pure."""

from datetime import datetime

from app.outbox.models import Lane, NewItem, job
from app.webhooks.models import Delivery

STOPPED = "webhooks.stopped"
"""Tells the merchant's team that an endpoint has missed something for good (subject: the endpoint)."""

GAVE_UP, GONE = "gave_up", "gone"


def given_up(delivery: Delivery, *, at: datetime) -> NewItem:
    """Return the job after a delivery's last try: one a day and endpoint, however many deliveries end so (W6)."""
    return _stopped(delivery, GAVE_UP, once=f"{GAVE_UP}:{at:%Y-%m-%d}")


def gone(delivery: Delivery) -> NewItem:
    """Return the job after a receiver has said that it is gone, so that we disabled the endpoint."""
    return _stopped(delivery, GONE, once=f"{GONE}:{delivery.id}")


def _stopped(delivery: Delivery, reason: str, *, once: str) -> NewItem:
    facts = {"endpoint_id": delivery.endpoint_id, "reason": reason}
    return job(STOPPED, delivery.endpoint_id, lane=Lane.BULK, payload=facts, once=once)
