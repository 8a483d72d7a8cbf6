"""A merchant's receiver: a real server that notes what it got and answers as it is told."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Receiver:
    """`answers` are the statuses of the next answers; then it takes everything."""

    url: str = ""
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    hangs: bool = False
    redirect: str = ""
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[Any]:
        """Return what was told, in the order of its arrival."""
        return [json.loads(body) for _, body in self.got]

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Note a delivery and answer."""
        self.got.append((request.headers.copy(), await request.read()))
        self.queries.append(request.query_string)
        if self.hangs:
            await self._over.wait()
        if self.redirect:
            raise web.HTTPTemporaryRedirect(self.redirect)
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, body=b"x" * 100_000)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a receiver on a free port of this machine."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hooks", receiver.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hooks"
    try:
        yield receiver
    finally:
        receiver._over.set()
        await runner.cleanup()
