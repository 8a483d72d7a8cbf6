"""Cards: `/v1/cards` (razorpay.md section 3.3)."""

from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.entities import Card


def get_card(call: Call) -> Any:
    """Return one card."""
    card: Card = validation.lookup(call.account.cards, call.path_params["id"], "card")
    return card.to_wire()


ROUTES = (Route("GET", "/v1/cards/{id}", get_card),)
