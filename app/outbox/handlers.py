"""What a room hands to the outbox's runner: how each piece of work is done, by name."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.outbox.models import Item

Handler = Callable[[Item], Awaitable[None]]
"""Does the work of an item, or raises. It may run more than once for one item, so it has its effect once by itself:
a conditional update, a unique key, the same key towards the processor. It is cut short within the item's lease.

Whatever it raises postpones the item, and parks it after the last try; PyMongoError leaves it to its lease.
"""

EVERY_EVENT = "*event*"
"""The name under which the one handler of all events stands."""


@dataclass(slots=True)
class NotYet(Exception):
    """Raised by a handler whose work can't be done yet, which is no failure: the item is due again after `seconds`."""

    seconds: float
