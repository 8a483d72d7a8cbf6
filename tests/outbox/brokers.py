"""Real brokers of a test's own: on free loopback ports, with their data in a temporary folder, ended by their pid.

Whatever a package has installed and started as a service of the system is neither used nor touched.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import aio_pika
import redis.asyncio

from app.local.ports import free_port
from app.local.processes import kill_group, spawn
from app.outbox.models import Lane

_START_SECONDS = 300
QUEUES = {lane: f"payment_gateway.outbox.{lane}" for lane in Lane}


@dataclass(slots=True)
class Server:
    """A server's program, and the pid of the group that it runs in."""

    PROGRAM: ClassVar[str]

    folder: Path
    port: int = field(default_factory=free_port)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def is_installed(cls) -> bool:
        return shutil.which(cls.PROGRAM) is not None

    def spawn(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        environ = {**os.environ, "HOME": str(self.folder), **(environment or {})}
        self.running.append(spawn(command, log=self.folder / "server.log", environment=environ))

    def kill(self) -> None:
        """End it as `kill -9` does."""
        while self.running:
            process = self.running.pop()
            kill_group(process)
            process.wait()

    async def is_up(self) -> None:
        """Wait until it takes connections."""
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)


class Redis(Server):
    """Redis, which keeps nothing on disk."""

    PROGRAM = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": str(self.folder)}
        self.spawn(self.PROGRAM, *(word for name, value in options.items() for word in (f"--{name}", value)))

    async def push(self, lane: Lane, message: bytes) -> None:
        """Put a stranger's message into a lane."""
        async with redis.asyncio.Redis(port=self.port) as client:
            await client.lpush(QUEUES[lane], message)

    async def flush(self) -> list[bytes]:
        """Remove everything; return the messages that waited in the payments' lane."""
        async with redis.asyncio.Redis(port=self.port) as client:
            messages = await client.lrange(QUEUES[Lane.PAYMENTS], 0, -1)
            await client.flushall()
        return messages


class RabbitMQ(Server):
    """RabbitMQ, with a port mapper of its own, so that none is left behind."""

    # Debian's command of this name in the path starts it as a user of its own.
    PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        plugins = self.folder / "plugins"
        plugins.write_text("[].", encoding="ascii")
        mapper = {"ERL_EPMD_PORT": str(free_port()), "ERL_EPMD_ADDRESS": "127.0.0.1"}
        self.spawn("epmd", environment=mapper)
        environment = {
            **mapper,
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        self.spawn(self.PROGRAM, environment=environment)

    async def flush(self) -> list[bytes]:
        """Remove every message; return those that waited in the payments' lane."""
        connection = await aio_pika.connect(self.url)
        channel = await connection.channel()
        queue = await channel.get_queue(QUEUES[Lane.PAYMENTS])
        messages = []
        while message := await queue.get(no_ack=True, fail=False):
            messages.append(message.body)
        await connection.close()
        return messages
