"""The lighter half of the deployment: Debian's nginx with our configuration and real TLS before two instances.

Only what `deploy/nginx` says may differ from place to place is written anew: ports, addresses, where logs go, and for
some tests the limits.
"""

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from app.local.ports import free_port
from tests.chaos.processes import ROOT, Program, product_programs, refuses, simulator_program
from tests.chaos.proxy import HOST

NAME = "localhost"
CONFIGURATION = ROOT / "deploy" / "nginx"
_COMMAND = (sys.executable, "-m", "app.cli")
_DRAIN_SECONDS = 5


@dataclass(slots=True)
class Nginx:
    """A configured nginx: `folder` holds its files, `http` and `https` are its ports."""

    folder: Path
    http: int
    https: int
    program: Program

    @property
    def url(self) -> str:
        """Return where clients come in."""
        return f"https://{NAME}:{self.https}"

    @property
    def trust(self) -> ssl.SSLContext:
        """Return a context that believes its certificate and no other."""
        return ssl.create_default_context(cafile=self.folder / "tls.crt")

    def check(self) -> subprocess.CompletedProcess[str]:
        """Let nginx judge its configuration."""
        return subprocess.run([*self.program.command, "-t"], capture_output=True, text=True, check=False)  # noqa: S603  our own

    def reload(self) -> None:
        """Have it read its configuration again."""
        self.program.send(signal.SIGHUP)

    def access_log(self) -> str:
        """Return what it wrote of requests."""
        return (self.folder / "access.log").read_text(encoding="utf-8")


def wide_limits() -> str:
    """Return the limits with budgets that no test reaches."""
    return re.sub(r"rate=\S+;", "rate=100000r/s;", (CONFIGURATION / "limits.conf").read_text(encoding="utf-8"))


def configured(folder: Path, upstreams: Sequence[int], *, limits: str | None = None, log: Path) -> Nginx:
    """Write the configuration for this machine into a folder. `limits` replaces what `limits.conf` says."""
    folder.mkdir(parents=True)
    for file in CONFIGURATION.glob("*.conf"):
        shutil.copy(file, folder)
    http = free_port()
    https = free_port(other_than=[http])
    (folder / "tmp").mkdir()
    main = (CONFIGURATION / "nginx.conf").read_text(encoding="utf-8")
    servers = "".join(f"server {HOST}:{port} max_fails=1 fail_timeout=2s;\n" for port in upstreams)
    upstream = (CONFIGURATION / "upstream.conf").read_text(encoding="utf-8")
    upstream = re.sub(r"( *server [\d.:]+ [^\n]*\n)+", lambda _: servers, upstream)
    tls = (CONFIGURATION / "tls.conf").read_text(encoding="utf-8")
    written = {
        "nginx.conf": main.replace(" /tmp/", f" {folder}/tmp/"),  # noqa: S108  what is replaced
        "listen-default.conf": (
            f"listen {HOST}:{http} default_server;\nlisten {HOST}:{https} ssl http2 default_server;\n"
        ),
        "listen-http.conf": f"listen {HOST}:{http};\n",
        "listen-https.conf": f"listen {HOST}:{https} ssl http2;\n",
        "server-name.conf": f"server_name {NAME};\n",
        "tls.conf": tls.replace("/etc/payment-gateway-tls/", f"{folder}/"),
        "upstream.conf": upstream,
        "logs.conf": f"access_log {folder}/access.log canonical;\n",
        **({} if limits is None else {"limits.conf": limits}),
    }
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    made = [sys.executable, str(CONFIGURATION / "certificate.py"), str(folder), NAME]
    subprocess.run(made, check=True, capture_output=True)  # noqa: S603  our own
    # Its workers stay whoever starts it: the folder is nobody else's.
    user = "user root; " if os.geteuid() == 0 else ""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    command = (nginx, "-p", f"{folder}/", "-c", f"{folder}/nginx.conf", "-g", f"{user}daemon off;")
    program = Program("nginx", command, {}, log, is_healthy=lambda: not refuses(https))
    return Nginx(folder, http, https, program)


@dataclass(slots=True)
class Edge:
    """Everything that runs: clients reach `nginx`; `apis` are the instances behind it."""

    nginx: Nginx
    apis: Sequence[Program]
    api_ports: Sequence[int]
    simulator_url: str
    session: aiohttp.ClientSession


@contextlib.asynccontextmanager
async def running_edge(
    mongodb_url: str, folder: Path, *, limits: str | None = None, **settings: str
) -> AsyncIterator[Edge]:
    """Start simulator, two instances, a worker and nginx, all as processes; end them after the block."""
    simulator_port = free_port()
    ports = [free_port(other_than=[simulator_port])]
    ports.append(free_port(other_than=[simulator_port, *ports]))
    nginx = configured(folder / "nginx", ports, limits=limits, log=folder / "nginx.log")
    simulator_url = f"http://{HOST}:{simulator_port}"
    simulator = simulator_program(folder, port=simulator_port, seed=1)
    # The processor's events come in by nginx, as they do in production.
    simulator.environment = {"SSL_CERT_FILE": str(nginx.folder / "tls.crt")}
    environment = {**_production(mongodb_url, nginx.url, simulator_url), **settings}
    apis, workers = product_programs(folder, environment, api_ports=ports, workers=1, command=_COMMAND)
    programs = [simulator, *apis, *workers, nginx.program]
    try:
        for program in programs:
            program.start()
        for program in programs:
            await program.wait_until_healthy()
        connector = aiohttp.TCPConnector(limit=0, ssl=nginx.trust, keepalive_timeout=2)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Edge(nginx, apis, ports, simulator_url, session)
    finally:
        await asyncio.gather(*(program.stop() for program in programs))


def _production(mongodb_url: str, public_url: str, simulator_url: str) -> Mapping[str, str]:
    return {
        "ENVIRONMENT": "production",
        "HOST": HOST,
        "PUBLIC_URL": public_url,
        "ALLOWED_HOSTS": NAME,
        "TRUSTED_PROXIES": HOST,
        "DEMO_ACCOUNT": "false",
        "DRAIN_SECONDS": str(_DRAIN_SECONDS),
        "MONGODB_URL": mongodb_url,
        "DATABASE_NAME": f"edge-{secrets.token_hex(6)}",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "BCRYPT_ROUNDS": "4",
        "RAZORPAY_KEY_ID": "rzp_test_edge00000001",
        "RAZORPAY_KEY_SECRET": secrets.token_urlsafe(16),
        "RAZORPAY_BASE_URL": simulator_url,
        "METRICS_TOKEN": secrets.token_urlsafe(16),
    }
