"""Pages of a list: newest first, `count` and `skip`, `from` and `to` (razorpay.md section 1)."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Protocol, TypeVar

from razorpay_simulator.calls import Call
from razorpay_simulator.errors import ApiError, bad_request

EARLIEST_SECONDS = 946_684_800
LATEST_SECONDS = 4_765_046_400
DEFAULT_COUNT = 10
MAX_COUNT = 100


class Listed(Protocol):
    """What a list needs to know of its members."""

    @property
    def created_at(self) -> int:
        """Return the Unix time in seconds."""
        ...

    @property
    def born(self) -> float:
        """Return the exact Unix time."""
        ...


T = TypeVar("T", bound=Listed)


def collection(items: list[Any]) -> dict[str, Any]:
    """Return the envelope of a list."""
    return {"entity": "collection", "count": len(items), "items": items}


def page(
    call: Call,
    newest_first: Iterable[T],
    to_wire: Callable[[T], Any],
    *,
    keep: Callable[[T], bool] | None = None,
    max_count: int = MAX_COUNT,
) -> dict[str, Any]:
    """Return the page that a call asks for.

    Args:
        call: carries `count`, `skip`, `from` and `to`.
        newest_first: the whole list.
        to_wire: writes one member.
        keep: a further filter.
        max_count: the largest page.

    Raises:
        ApiError: a parameter is out of its range.
    """
    count = _number(call, "count", DEFAULT_COUNT)
    if count > max_count:
        raise bad_request(f"The count may not be greater than {max_count}.", field="count")
    if count < 1:
        raise bad_request("The count must be at least 1.", field="count")
    skip = _number(call, "skip", 0)
    if skip < 0:
        raise bad_request("The skip must be at least 0.", field="skip")
    earliest, latest = _moment(call, "from", EARLIEST_SECONDS), _moment(call, "to", LATEST_SECONDS)
    # Lists trail behind what a lookup by id already shows.
    visible = call.world.clock.now() - call.world.list_lag_seconds
    wanted = (
        item
        for item in newest_first
        if earliest <= item.created_at <= latest and item.born <= visible and (keep is None or keep(item))
    )
    return collection([to_wire(item) for item in islice(wanted, skip, skip + count)])


def _number(call: Call, name: str, default: int) -> int:
    text = call.param(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"The {name} must be an integer.", field=name) from None


def _moment(call: Call, name: str, default: int) -> int:
    moment = _number(call, name, default)
    if not EARLIEST_SECONDS <= moment <= LATEST_SECONDS:
        raise _out_of_range(name)
    return moment


def _out_of_range(name: str) -> ApiError:
    return bad_request(f"{name} must be between {EARLIEST_SECONDS} and {LATEST_SECONDS}", field=name)
