"""Prometheus and Alertmanager of a test's own, on free loopback ports, with the deployment's rules and routes.

What is changed in the copy of the configuration: whom they scrape and call, and how long everything waits.
"""

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import yaml
from aiohttp import web

from app.local.ports import free_port
from tests.deploy.monitoring import PROMETHEUS, alertmanager
from tests.outbox.brokers import Server

_SOON = "1s"
_SCRAPE = "3s"
_LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Called:
    """A receiver of webhooks: the pager's and the heartbeat's address."""

    port: int = field(default_factory=free_port)
    messages: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"http://{_LOOPBACK}:{self.port}/{name}"

    def told(self, name: str, alert: str, status: str = "firing") -> list[Mapping[str, Any]]:
        """Return what was said at an address of one alarm."""
        return [
            one
            for address, message in self.messages
            for one in message["alerts"]
            if (address, one["labels"]["alertname"], one["status"]) == (name, alert, status)
        ]

    async def serve(self, stopping: asyncio.Event) -> None:
        async def take(request: web.Request) -> web.Response:
            self.messages.append((request.match_info["name"], await request.json()))
            return web.Response()

        application = web.Application()
        application.router.add_post("/{name}", take)
        runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, _LOOPBACK, self.port).start()
        await stopping.wait()
        await runner.cleanup()


@dataclass(slots=True)
class Alertmanager(Server):
    """Debian's Alertmanager, alone."""

    PROGRAM: ClassVar[str] = "prometheus-alertmanager"

    def start(self, called: Called) -> None:
        config = alertmanager()
        for receiver in config["receivers"]:
            receiver.pop("email_configs", None)
            for hook in receiver.get("webhook_configs", ()):
                hook["url"] = called.url(receiver["name"])
        config["global"] = {}
        for route in (config["route"], *config["route"]["routes"]):
            route |= {"group_wait": "0s", "group_interval": _SOON}
        file = self.folder / "alertmanager.yml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.spawn(
            self.PROGRAM,
            f"--config.file={file}",
            f"--storage.path={self.folder / 'alerts'}",
            f"--web.listen-address={_LOOPBACK}:{self.port}",
            "--cluster.listen-address=",
        )


@dataclass(slots=True)
class Prometheus(Server):
    """Debian's Prometheus."""

    PROGRAM: ClassVar[str] = "prometheus"

    def start(self, targets: Mapping[str, str], *, alertmanager_port: int, token: str) -> None:
        """Start with the deployment's jobs of these names, each with one address."""
        shutil.copytree(PROMETHEUS / "rules", self.folder / "rules")
        for file in (self.folder / "rules").iterdir():
            file.write_text(_hurried(file), encoding="utf-8")
        (self.folder / "token").write_text(token, encoding="ascii")
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] |= {"scrape_interval": _SCRAPE, "scrape_timeout": _SCRAPE, "evaluation_interval": _SOON}
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"{_LOOPBACK}:{alertmanager_port}"]
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in targets]
        for job in config["scrape_configs"]:
            job.pop("dns_sd_configs", None)
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
            if "authorization" in job:
                job["authorization"]["credentials_file"] = str(self.folder / "token")
        file = self.folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.spawn(
            self.PROGRAM,
            f"--config.file={file}",
            f"--storage.tsdb.path={self.folder / 'series'}",
            # What is said before Alertmanager is found would be said again after a minute only.
            f"--rules.alert.resend-delay={_SOON}",
            f"--web.listen-address={_LOOPBACK}:{self.port}",
        )

    async def value(self, expression: str) -> float | None:
        """Return what an expression comes to now, None while it comes to nothing."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{_LOOPBACK}:{self.port}/api/v1/query", params={"query": expression}) as answer,
        ):
            if answer.status != 200:  # it still begins
                return None
            found = (await answer.json())["data"]["result"]
            return float(found[0]["value"][1]) if found else None


async def metrics_of(port: int) -> str:
    """Return what a watcher tells of itself."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{_LOOPBACK}:{port}/metrics") as answer:
        return await answer.text()


@contextmanager
def ended(*servers: Server) -> Iterator[None]:
    """Kill the servers when the block ends."""
    try:
        yield
    finally:
        for server in servers:
            server.kill()


def _hurried(file: Path) -> str:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    for group in content["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                # Longer than a scrape: one that is late on a busy machine is no outage.
                rule["for"] = "4s"
    return yaml.safe_dump(content)
