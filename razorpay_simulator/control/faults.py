"""Fault rules."""

from typing import Any

from razorpay_simulator.control.commands import Command, ControlCall
from razorpay_simulator.errors import bad_request, unknown_id
from razorpay_simulator.faults import OF_SETTLEMENTS, FaultMode, FaultRule

_METHODS = frozenset({"*", "GET", "POST", "PUT", "PATCH", "DELETE"})
_FIELDS = frozenset(
    {
        "route",
        "mode",
        "times",
        "probability",
        "seed",
        "delay_seconds",
        "retry_after",
        "status",
        "account_id",
        "key_id",
        "size_bytes",
        "amount",
    }
)
_DELAYS = {FaultMode.RECON_LATE: 6 * 3600.0, FaultMode.SETTLEMENT_FAILS: 3600.0}
"""Other delays than a second, in simulated time."""


async def add_fault(call: ControlCall) -> Any:
    """Add a rule; the first rule that strikes wins."""
    mode = _mode(call)
    method, path, is_prefix = ("*", "/v1/settlements", True) if mode in OF_SETTLEMENTS else _route(call)
    rule = FaultRule(
        id=call.world.ids.bare(),
        method=method,
        path=path,
        is_prefix=is_prefix,
        mode=mode,
        times=call.whole("times", minimum=1) if call.body.get("times") is not None else None,
        probability=_probability(call),
        seed=call.whole("seed", call.world.config.seed),
        delay_seconds=call.number("delay_seconds", _DELAYS.get(mode, 1.0)),
        retry_after=call.whole("retry_after") if call.body.get("retry_after") is not None else None,
        status=call.whole("status", 500, minimum=400),
        account_id=call.account().id if call.body.get("account_id") or call.body.get("key_id") else None,
        size_bytes=call.whole("size_bytes", 8 * 1024 * 1024),
        amount=call.whole("amount", 100, minimum=1),
    )
    call.world.faults.rules[rule.id] = rule
    return rule.to_wire()


def _route(call: ControlCall) -> tuple[str, str, bool]:
    """Read `POST /v1/orders`, `/v1/payments/{id}` or `* /v1/*`."""
    text = call.text("route") or "* /*"
    method, _, path = text.rpartition(" ")
    method = (method or "*").upper()
    if method not in _METHODS or not path.startswith("/"):
        raise bad_request("route must read like POST /v1/orders.", field="route")
    if path.endswith("*"):
        return method, path[:-1], True
    # What is neither a route nor a path of one is meant as the beginning of many.
    return method, path, not (call.routes.has_template(path) or call.routes.knows(path))


def _probability(call: ControlCall) -> float:
    probability = call.number("probability", 1.0)
    if probability > 1:
        raise bad_request("probability must be at most 1.", field="probability")
    return probability


def _mode(call: ControlCall) -> FaultMode:
    try:
        return FaultMode(call.text("mode") or "")
    except ValueError:
        raise bad_request(f"mode must be one of {', '.join(FaultMode)}.", field="mode") from None


async def list_faults(call: ControlCall) -> Any:
    """List the rules with how often they struck."""
    return {"items": [rule.to_wire() for rule in call.world.faults.rules.values()]}


async def clear_faults(call: ControlCall) -> Any:
    """Remove all rules."""
    removed = len(call.world.faults.rules)
    call.world.faults.rules.clear()
    return {"removed": removed}


async def remove_fault(call: ControlCall) -> Any:
    """Remove one rule."""
    if call.world.faults.rules.pop(call.params["fault_id"], None) is None:
        raise unknown_id()
    return {"removed": 1}


COMMANDS = (
    Command(
        method="POST",
        path="/faults",
        handler=add_fault,
        summary=f"Adds a fault rule; route like `POST /v1/orders` or `* /v1/*`, mode one of {', '.join(FaultMode)}.",
        fields=_FIELDS,
    ),
    Command(method="GET", path="/faults", handler=list_faults, summary="The rules with their hits."),
    Command(method="DELETE", path="/faults", handler=clear_faults, summary="Removes all rules."),
    Command(method="DELETE", path="/faults/{fault_id}", handler=remove_fault, summary="Removes one rule."),
)
