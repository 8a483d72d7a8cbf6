"""Health, time, the journal, and starting afresh."""

from typing import Any

from razorpay_simulator.control.commands import Command, ControlCall
from razorpay_simulator.errors import bad_request
from razorpay_simulator.seeds import plant


async def health(call: ControlCall) -> Any:
    """Say that the simulator answers."""
    return {"status": "ok", "now": call.world.clock.seconds(), "accounts": len(call.world.accounts)}


async def reset(call: ControlCall) -> Any:
    """Forget everything but the default account's keys."""
    await call.world.reset()
    return {"reset": True}


async def seed(call: ControlCall) -> Any:
    """Plant the seeded entities."""
    number = call.whole("seed", call.world.config.seed)
    return plant(call.world, call.account(), number)


async def journal(call: ControlCall) -> Any:
    """Return the facts after `since`, oldest first."""
    try:
        since, limit = int(call.query.get("since", "0")), int(call.query.get("limit", "10000"))
    except ValueError:
        raise bad_request("since and limit must be whole numbers.") from None
    entries = call.world.journal.since(since, kind=call.query.get("kind"), limit=limit)
    return {"entries": entries, "last": call.world.journal.last}


def _clock(call: ControlCall) -> dict[str, Any]:
    clock = call.world.clock
    return {"now": clock.now(), "frozen": clock.is_frozen, "timers": clock.waiting}


async def show_clock(call: ControlCall) -> Any:
    """Return the simulated time."""
    return _clock(call)


async def advance_clock(call: ControlCall) -> Any:
    """Move the time on; what falls due happens on the way and is over when this returns."""
    fired = await call.world.advance(call.number("seconds"))
    return {**_clock(call), "fired": fired}


async def freeze_clock(call: ControlCall) -> Any:
    """Stop the time, or let it run again."""
    if call.flag("frozen", default=True):
        call.world.clock.freeze()
    else:
        call.world.clock.unfreeze()
    return _clock(call)


async def set_list_lag(call: ControlCall) -> Any:
    """Let lists trail behind by some seconds."""
    call.world.list_lag_seconds = call.number("seconds")
    return {"seconds": call.world.list_lag_seconds}


COMMANDS = (
    Command(method="GET", path="/health", handler=health, summary="Says that the simulator answers."),
    Command(
        method="POST",
        path="/reset",
        handler=reset,
        summary="Forgets everything but the default account's keys; time and ids go on.",
    ),
    Command(
        method="POST",
        path="/seed",
        handler=seed,
        summary="Plants the entities of a seed number into an account.",
        fields=frozenset({"seed", "account_id", "key_id"}),
    ),
    Command(
        method="GET",
        path="/journal",
        handler=journal,
        summary="Facts in order; query: since (a seq), kind, limit.",
    ),
    Command(method="GET", path="/clock", handler=show_clock, summary="The simulated time."),
    Command(
        method="POST",
        path="/clock/advance",
        handler=advance_clock,
        summary="Moves the time on; due retries, time-outs, refunds and settlements happen on the way.",
        fields=frozenset({"seconds"}),
    ),
    Command(
        method="POST",
        path="/clock/freeze",
        handler=freeze_clock,
        summary="Stops the time; {frozen: false} lets it run again.",
        fields=frozenset({"frozen"}),
    ),
    Command(
        method="POST",
        path="/list_lag",
        handler=set_list_lag,
        summary="Lists show entities only after so many seconds.",
        fields=frozenset({"seconds"}),
    ),
)
