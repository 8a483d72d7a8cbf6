"""One running product for the tests of the API as a whole, and the application object whose routes they walk."""

import asyncio
import contextlib
import dataclasses
import socket

import pytest
import uvicorn

from app.main import create_app
from tests.world import _QuietServer, running_world

ORIGIN = "https://shop.example.com"


@contextlib.asynccontextmanager
async def open_door(app):
    """Serve an application on a socket that sends small answers at once: these tests ask thousands of times.

    Its wiring is the world's, which is started and closed there: this door's end must not drain it.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    options = {"log_config": None, "access_log": False, "proxy_headers": False, "ws": "none", "lifespan": "off"}
    server = _QuietServer(uvicorn.Config(app, **options))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@contextlib.asynccontextmanager
async def quick_world(mongodb_url, database_name, *, has_worker=False, **overrides):
    """Run the product, without its worker unless asked, and yield it with the application that is served."""
    async with running_world(mongodb_url, database_name, has_worker=has_worker, **overrides) as running:
        app = create_app(running.settings, wiring=running.wiring)
        async with open_door(app) as url:
            yield dataclasses.replace(running, url=url), app


@pytest.fixture(scope="session")
async def served(mongodb_url, database_name):
    async with quick_world(mongodb_url, f"{database_name}-api", cors_origins=ORIGIN) as running:
        yield running


@pytest.fixture(scope="session")
async def world(served):
    return served[0]


@pytest.fixture(scope="session")
async def app(served):
    """The application that the world serves."""
    return served[1]


@pytest.fixture
async def merchant(world):
    return await world.merchant(webhooks=False)
