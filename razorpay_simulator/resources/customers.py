"""Customers: `/v1/customers` (razorpay.md section 6)."""

from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.entities import Customer
from razorpay_simulator.errors import bad_request
from razorpay_simulator.paging import page

_FIELDS = frozenset({"name", "email", "contact", "gstin", "notes", "fail_existing"})
_MIN_DIGITS = 8


def create_customer(call: Call) -> Any:
    """Create a customer, or return the same one again when `fail_existing` is the text "0"."""
    body = call.body
    validation.refuse_extra(body, _FIELDS)
    given = _read(body)
    same = _find_same(call, given)
    if same is not None:
        # The number 0 was measured to be ignored; only the text counts.
        if body.get("fail_existing") == "0":
            return same.to_wire()
        raise bad_request("Customer already exists for the merchant")
    customer = Customer(
        id=call.world.ids.new("cust"),
        created_at=call.world.clock.seconds(),
        born=call.world.clock.now(),
        notes=validation.notes(body),
        **given,
    )
    call.account.customers[customer.id] = customer
    return customer.to_wire()


def _read(body: dict[str, Any]) -> dict[str, str | None]:
    contact = validation.text(body, "contact", longest=15)
    if contact is not None and sum(letter.isdigit() for letter in contact) < _MIN_DIGITS:
        raise bad_request(
            "Contact number should be at least 8 digits, including country code",
            field="contact",
            reason="invalid_contact_number",
        )
    return {
        "name": validation.text(body, "name", longest=50),
        "email": validation.text(body, "email", longest=64),
        "contact": contact,
        "gstin": validation.text(body, "gstin", longest=15),
    }


def _find_same(call: Call, given: dict[str, str | None]) -> Customer | None:
    email, contact = given["email"], given["contact"]
    if email is None and contact is None:
        return None
    customers = call.account.customers.values()
    return next((known for known in customers if (known.email, known.contact) == (email, contact)), None)


def list_customers(call: Call) -> Any:
    """List customers, newest first."""
    return page(call, reversed(call.account.customers.values()), Customer.to_wire)


def get_customer(call: Call) -> Any:
    """Return one customer."""
    return _find(call).to_wire()


def edit_customer(call: Call) -> Any:
    """Change a customer; only the fields that are given."""
    customer = _find(call)
    validation.refuse_extra(call.body, _FIELDS)
    given = _read(call.body)
    for name, value in given.items():
        if name in call.body:
            setattr(customer, name, value)
    if "notes" in call.body:
        customer.notes = validation.notes(call.body)
    return customer.to_wire()


def _find(call: Call) -> Customer:
    customer: Customer = validation.lookup(call.account.customers, call.path_params["id"], "cust")
    return customer


ROUTES = (
    Route("POST", "/v1/customers", create_customer),
    Route("GET", "/v1/customers", list_customers),
    Route("GET", "/v1/customers/{id}", get_customer),
    Route("PUT", "/v1/customers/{id}", edit_customer),
)
