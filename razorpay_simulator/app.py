"""Joins the API, the control API and the pages into one ASGI application."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import Mount

from razorpay_simulator import control
from razorpay_simulator.api import Api
from razorpay_simulator.config import SimulatorConfig
from razorpay_simulator.pages import checkout_routes, console_routes
from razorpay_simulator.resources import route_table
from razorpay_simulator.seeds import plant
from razorpay_simulator.world import World


def create_app(config: SimulatorConfig | None = None) -> Starlette:
    """Return a simulator with a world of its own, as an ASGI application."""
    return build_app(World(config or SimulatorConfig()))


def build_app(world: World) -> Starlette:
    """Return the application around an existing world; its life ends the world's."""
    routes = route_table()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if world.config.seed_data:
            plant(world, world.default_account, world.config.seed)
        try:
            yield
        finally:
            await world.close()

    return Starlette(
        routes=[
            *checkout_routes(world),
            *console_routes(world, routes),
            Mount("/_sim", control.control_app(world, routes)),
            Mount("/", Api(world, routes)),
        ],
        lifespan=lifespan,
    )
