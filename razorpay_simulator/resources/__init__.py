"""The API, one file per resource; each has its `ROUTES`, and a new resource is added to the list below."""

from razorpay_simulator.calls import RouteTable
from razorpay_simulator.resources import (
    cards,
    customers,
    disputes,
    documents,
    downtimes,
    methods,
    orders,
    payments,
    refunds,
    server_to_server,
    settlements,
    webhook_endpoints,
)


def route_table() -> RouteTable:
    """Return the routes of all resources."""
    rooms = (
        *(orders, payments, refunds, disputes, documents, settlements),
        *(cards, customers, downtimes, methods, server_to_server, webhook_endpoints),
    )
    return RouteTable(route for room in rooms for route in room.ROUTES)
