"""Pages of a walk over everything there is: what can't be read is left out and counted, so that the walk goes on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from app.gateways.razorpay.translate.reading import Unreadable, to_shape
from app.gateways.razorpay.wire import CollectionShape

N = TypeVar("N")
N_co = TypeVar("N_co", covariant=True)


class Convert(Protocol[N_co]):
    """Makes a noun of an entity."""

    def __call__(self, body: Any, *, seen_at: datetime) -> N_co:
        """Return the noun. Raises Unreadable."""
        ...


@dataclass(frozen=True, slots=True)
class Page(Generic[N]):
    """What a page holds, and how many of its `size` entities could not be read."""

    items: tuple[N, ...]
    size: int
    unreadable: int


def to_page(body: Any, convert: Convert[N], *, seen_at: datetime) -> Page[N]:
    """Return a page, each of its entities read by itself.

    An entity without an id can't be matched with anything; one of them must not hide the others for ever.

    Raises:
        Unreadable: it is no collection.
    """
    entities = to_shape(CollectionShape, body).items
    items = []
    for entity in entities:
        try:
            items.append(convert(entity, seen_at=seen_at))
        except Unreadable:
            continue
    return Page(tuple(items), len(entities), len(entities) - len(items))
