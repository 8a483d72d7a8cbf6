"""Where a customer stands in the list of who paid last, and the cursor that says so."""

from datetime import datetime

from app.customers.models import Customer
from app.kit.clock import to_rfc3339
from app.kit.ids import Prefix, born_at, first_id, is_id

_HEAD = len(f"{Prefix.CUSTOMER}_")
_MOMENT = 10


def place(last_paid_at: datetime, customer_id: str) -> str:
    """Return what sorts customers by their last payment, to the millisecond, and is nobody else's."""
    return f"{to_rfc3339(last_paid_at)} {customer_id}"


def cursor_of(customer: Customer) -> str:
    """Return the cursor of a row: the moment and the id, so that it holds when they pay again or are erased."""
    moment = first_id(Prefix.CUSTOMER, customer.last_paid_at)[: _HEAD + _MOMENT]
    return moment + customer.id[_HEAD:]


def is_cursor(text: str) -> bool:
    """Tell whether a text is the cursor of a row, or a customer's id."""
    return is_id(text, Prefix.CUSTOMER) or place_of(text) is not None


def place_of(cursor: str) -> str | None:
    """Return the place that a cursor names; None when it names none, such as an id."""
    moment, customer_id = cursor[: _HEAD + _MOMENT], f"{Prefix.CUSTOMER}_{cursor[_HEAD + _MOMENT :]}"
    # A moment is written as the first letters of an id are.
    if not is_id(customer_id, Prefix.CUSTOMER) or not is_id(f"{moment}{'0' * 16}", Prefix.CUSTOMER):
        return None
    return place(born_at(moment), customer_id)
