"""The control API under `/_sim`: what no processor offers, and every test needs. `GET /_sim` lists it."""

import functools
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from razorpay_simulator import wire
from razorpay_simulator.calls import RouteTable
from razorpay_simulator.control import accounts, disputes, faults, payments, settlements, time, webhooks
from razorpay_simulator.control.commands import Command, ControlCall
from razorpay_simulator.errors import ApiError, bad_request
from razorpay_simulator.world import World

_COMMANDS = (
    *time.COMMANDS,
    *accounts.COMMANDS,
    *payments.COMMANDS,
    *disputes.COMMANDS,
    *settlements.COMMANDS,
    *faults.COMMANDS,
    *webhooks.COMMANDS,
)


def control_app(world: World, routes: RouteTable) -> Router:
    """Return the control API as an ASGI application."""
    served = [
        Route(command.path, functools.partial(_endpoint, world, routes, command), methods=[command.method])
        for command in _COMMANDS
    ]
    guide = functools.partial(_guide, routes)
    return Router([Route("/", guide, methods=["GET"]), *served], redirect_slashes=False)


async def _endpoint(world: World, routes: RouteTable, command: Command, request: Request) -> Response:
    try:
        raw = await request.body()
        call = ControlCall(
            world=world,
            routes=routes,
            params=dict(request.path_params),
            query=dict(request.query_params),
            body=wire.parse_body(raw, request.headers.get("content-type", "")),
        )
        unknown = set(call.body) - command.fields
        if unknown:
            raise bad_request(f"{', '.join(sorted(unknown))}: not known here; {sorted(command.fields)} are")
        value: Any = await command.handler(call)
    except ApiError as refusal:
        return JSONResponse(refusal.body, status_code=refusal.status)
    return JSONResponse(value)


async def _guide(routes: RouteTable, _: Request) -> Response:
    return JSONResponse(
        {
            "control": [
                {
                    "route": f"{command.method} /_sim{command.path}",
                    "does": command.summary,
                    "fields": sorted(command.fields),
                }
                for command in _COMMANDS
            ],
            "api": [f"{route.method} {route.template}" for route in routes.routes],
        }
    )
