"""The console: what happened, who was told, what goes wrong and what time it is, for a person at this machine.

Its buttons call the very commands of the control API. It answers this machine alone, and takes no form that another
site's page sends: whoever can press them decides what the processor says.
"""

import heapq
import ipaddress
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from razorpay_simulator.calls import RouteTable
from razorpay_simulator.control import faults, time, webhooks
from razorpay_simulator.control.commands import ControlCall
from razorpay_simulator.errors import ApiError, bad_request
from razorpay_simulator.faults import FaultMode
from razorpay_simulator.pages.frame import Frame, read_form
from razorpay_simulator.webhooks.models import Delivery
from razorpay_simulator.world import World

PATH = "/_sim/console"
ROWS = 50
_JUMPS = ((60, "a minute"), (900, "15 minutes"), (3600, "an hour"), (86_400, "a day"), (7 * 86_400, "a week"))
_LONGEST_JUMP_SECONDS = 366 * 86_400
_WHOLE = ("times", "status", "retry_after")
_OTHER_SITES = frozenset({"cross-site", "same-site"})
_TABS = (("", "What happened"), ("/deliveries", "Webhooks"), ("/faults", "Faults"), ("/clock", "Clock"))

Action = Callable[[dict[str, str]], Awaitable[str]]


class Console:
    """The pages and what is behind their buttons.

    Args:
        world: the state.
        routes: the API's routes, to choose a fault's from.
    """

    def __init__(self, world: World, routes: RouteTable) -> None:
        self._world = world
        self._routes = routes
        self._frame = Frame()
        self._said = ""

    async def journal(self, request: Request) -> Response:
        """Show the facts, newest first."""
        kind = request.query_params.get("kind") or None
        before = _number(request.query_params.get("before"), default=self._world.journal.last + 1)
        known = self._world.journal.since(0, kind=kind, limit=self._world.config.journal_size)
        older = [entry for entry in reversed(known) if entry["seq"] < before]
        rows = [
            {"seq": entry["seq"], "at": _time(entry["at"]), "kind": entry["kind"], "facts": _facts(entry)}
            for entry in older[:ROWS]
        ]
        following = older[ROWS - 1]["seq"] if len(older) > ROWS else None
        kinds = sorted({entry["kind"] for entry in self._world.journal.since(0)})
        return self._show(request, "console/journal.html", rows=rows, kinds=kinds, kind=kind or "", following=following)

    async def deliveries(self, request: Request) -> Response:
        """Show who got which event, newest first."""
        page = _number(request.query_params.get("page"), default=0)
        mailboxes = [reversed(account.mailbox.deliveries) for account in self._world.accounts.values()]
        newest = heapq.merge(*mailboxes, key=lambda delivery: -delivery.at)
        found = list(itertools.islice(newest, page * ROWS, (page + 1) * ROWS + 1))
        rows = [self._told(delivery) for delivery in found[:ROWS]]
        following = page + 1 if len(found) > ROWS else None
        return self._show(request, "console/deliveries.html", rows=rows, page=page, following=following)

    async def faults(self, request: Request) -> Response:
        """Show the rules in force, and a form for one more."""
        rules = [rule.to_wire() for rule in self._world.faults.rules.values()]
        routes = [f"{route.method} {route.template}" for route in self._routes.routes]
        return self._show(request, "console/faults.html", rules=rules, routes=routes, modes=list(FaultMode))

    async def clock(self, request: Request) -> Response:
        """Show the simulated time."""
        clock = self._world.clock
        facts = {"now": _time(clock.now()), "is_frozen": clock.is_frozen, "waiting": clock.waiting}
        return self._show(request, "console/clock.html", jumps=_JUMPS, **facts)

    async def redeliver(self, form: dict[str, str]) -> str:
        """Send an event again."""
        done = await webhooks.redeliver(self._call({}, event_id=form.get("event_id", "")))
        return f"Sent again to {done['endpoints']} endpoints."

    async def add_fault(self, form: dict[str, str]) -> str:
        """Add a rule."""
        body: dict[str, Any] = {name: form[name] for name in ("route", "mode") if form.get(name)}
        body |= {name: _whole(form[name], name) for name in _WHOLE if form.get(name)}
        if form.get("delay_seconds"):
            body["delay_seconds"] = _whole(form["delay_seconds"], "delay_seconds")
        rule = await faults.add_fault(self._call(body))
        return f"{rule['mode']} now strikes {rule['route']}."

    async def remove_fault(self, form: dict[str, str]) -> str:
        """Remove a rule."""
        await faults.remove_fault(self._call({}, fault_id=form.get("fault_id", "")))
        return "The rule is gone."

    async def clear_faults(self, _: dict[str, str]) -> str:
        """Remove every rule."""
        done = await faults.clear_faults(self._call({}))
        return f"{done['removed']} rules are gone."

    async def advance(self, form: dict[str, str]) -> str:
        """Move the time on."""
        seconds = _whole(form.get("seconds", ""), "seconds")
        if seconds > _LONGEST_JUMP_SECONDS:
            raise bad_request("The time moves at most a year at once.", field="seconds")
        done = await time.advance_clock(self._call({"seconds": seconds}))
        return f"It is {_time(done['now'])} now; {done['fired']} things happened on the way."

    async def freeze(self, form: dict[str, str]) -> str:
        """Stop the time or let it run."""
        is_stopped = form.get("frozen") == "yes"
        await time.freeze_clock(self._call({"frozen": is_stopped}))
        return "The time stands still." if is_stopped else "The time runs."

    def press(self, action: Action, then: str) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of a button: it acts, then goes to a page that says what was done."""

        async def endpoint(request: Request) -> Response:
            if (refusal := refused(request)) is not None:
                return refusal
            try:
                said = await action(read_form(await request.body()))
            except ApiError as refusal_of_api:
                return self._frame.problem(refusal_of_api)
            self._said = said
            return RedirectResponse(f"{PATH}{then}?done=yes", status_code=303)

        return endpoint

    def _show(self, request: Request, template: str, **facts: Any) -> Response:
        if (refusal := refused(request)) is not None:
            return refusal
        said = self._said if "done" in request.query_params else ""
        return self._frame.render(template, {}, path=request.url.path, console=PATH, tabs=_TABS, said=said, **facts)

    def _told(self, delivery: Delivery) -> dict[str, Any]:
        return delivery.to_wire() | {"at": _time(delivery.at)}

    def _call(self, body: dict[str, Any], **params: str) -> ControlCall:
        return ControlCall(world=self._world, routes=self._routes, params=params, query={}, body=body)


def console_routes(world: World, routes: RouteTable) -> list[Route]:
    """Return the routes of the console."""
    console = Console(world, routes)
    buttons = (
        ("/deliveries/again", console.redeliver, "/deliveries"),
        ("/faults/add", console.add_fault, "/faults"),
        ("/faults/remove", console.remove_fault, "/faults"),
        ("/faults/clear", console.clear_faults, "/faults"),
        ("/clock/advance", console.advance, "/clock"),
        ("/clock/freeze", console.freeze, "/clock"),
    )
    return [
        Route(PATH, console.journal, methods=["GET"]),
        Route(f"{PATH}/deliveries", console.deliveries, methods=["GET"]),
        Route(f"{PATH}/faults", console.faults, methods=["GET"]),
        Route(f"{PATH}/clock", console.clock, methods=["GET"]),
        *(Route(PATH + path, console.press(action, then), methods=["POST"]) for path, action, then in buttons),
    ]


def refused(request: Request) -> Response | None:
    """Return the refusal of whoever may not use the console, None for a person at this machine."""
    caller = request.client.host if request.client else ""
    host = request.url.hostname or ""
    if not _is_this_machine(caller) or not (host == "localhost" or _is_this_machine(host)):
        return PlainTextResponse("The console answers its own machine alone.", 403)
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = f"{request.url.scheme}://{request.url.netloc}"
    if request.method != "GET" and (site in _OTHER_SITES or origin not in {None, own}):
        return PlainTextResponse("This form came from another site.", 403)
    return None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _facts(entry: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in entry.items() if name not in {"seq", "at", "kind"} and value is not None]


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _number(text: str | None, *, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else default


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise bad_request(f"{name} must be a whole number.", field=name)
    return int(text)
