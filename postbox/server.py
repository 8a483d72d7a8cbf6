"""Serves a postbox: in a process of its own, or inside a test on free ports."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web
from aiosmtpd.smtp import SMTP

from postbox.box import Box
from postbox.mail import Taker, anybody
from postbox.web import build

_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PostboxConfig:
    """Where it listens; port 0 takes a free one.

    Attributes:
        context: a certificate, for STARTTLS.
        is_encrypted: whether mail is encrypted from the first byte, with the same certificate.
    """

    host: str = "127.0.0.1"
    port: int = 8025
    mail_port: int = 1025
    context: ssl.SSLContext | None = field(default=None, repr=False)
    is_encrypted: bool = False


@dataclass(frozen=True, slots=True)
class RunningPostbox:
    """A postbox that listens."""

    box: Box
    host: str
    port: int
    mail_port: int

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return f"http://{self.host}:{self.port}"


@contextlib.asynccontextmanager
async def serve(config: PostboxConfig, box: Box | None = None) -> AsyncIterator[RunningPostbox]:
    """Listen until the block ends."""
    box = box or Box()
    loop = asyncio.get_running_loop()

    def talk() -> SMTP:
        return SMTP(
            Taker(box),
            hostname="postbox",
            ident="postbox",
            data_size_limit=_MOST_BYTES,
            enable_SMTPUTF8=True,
            tls_context=None if config.is_encrypted else config.context,
            authenticator=anybody,
            auth_require_tls=not config.is_encrypted,
            loop=loop,
        )

    implicit = config.context if config.is_encrypted else None
    mail = await loop.create_server(talk, config.host, config.mail_port, ssl=implicit)
    runner = web.AppRunner(build(box), access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, config.host, config.port)
    try:
        await site.start()
        port = runner.addresses[0][1]
        yield RunningPostbox(box, config.host, port, mail.sockets[0].getsockname()[1])
    finally:
        mail.close()
        await runner.cleanup()


def run(config: PostboxConfig) -> None:
    """Listen until told to stop."""
    asyncio.run(_run(config))


async def _run(config: PostboxConfig) -> None:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    async with serve(config):
        await stopping.wait()
