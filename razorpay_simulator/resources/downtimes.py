"""Downtimes of banks, networks and apps: `/v1/payments/downtimes` (razorpay.md section 3.4)."""

from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.entities import Downtime
from razorpay_simulator.paging import collection


def list_downtimes(call: Call) -> Any:
    """List the downtimes that are not over, newest first; they are the same for all accounts."""
    return collection(
        [known.to_wire() for known in reversed(call.world.downtimes.values()) if known.status != "resolved"]
    )


def get_downtime(call: Call) -> Any:
    """Return one downtime."""
    downtime: Downtime = validation.lookup(call.world.downtimes, call.path_params["id"], "down")
    return downtime.to_wire()


ROUTES = (
    Route("GET", "/v1/payments/downtimes", list_downtimes),
    Route("GET", "/v1/payments/downtimes/{id}", get_downtime),
)
