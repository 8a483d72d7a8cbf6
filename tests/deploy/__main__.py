"""`make deploy-test`: the production stack on a real Docker engine, whose parts are killed one by one under load.

Afterwards nothing may be missing. It works on a copy of the tree, so that settings and secrets of a real deployment are
never touched, and in containers, networks and volumes of its own names, which it removes at the end. Without an engine
that answers it starts one of its own, and without an image registry it builds stand-ins for the base images
(tests/deploy/stand_ins).
"""

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from tests.chaos.processes import ROOT
from tests.deploy.edge import wide_limits
from tests.deploy.load import Load, differences, world_at
from tests.deploy.loglines import parsed

_PROJECT = "payment-gateway-test"
_NAME = "payments.test"
_HTTP, _HTTPS, _SIMULATOR, _PROMETHEUS = 18080, 18443, 18090, 19090
_ENGINE_SECONDS = 60.0
_DOWN_SECONDS = 6.0
_BETWEEN_SECONDS = 4.0
_WATCHED_SECONDS = 90.0
_PACKAGES = ("docker.io", "docker-compose", "debootstrap", "iptables", "curl")
_KILLED = ("api-1", "api-2", "worker_1", "worker_2", "primary", "nginx", "rabbitmq", "redis")
_SPEAKING = (
    *("nginx", "api-1", "api-2", "worker", "backup", "mongo-1", "mongo-2", "mongo-3"),
    *("rabbitmq", "redis", "prometheus", "alertmanager"),
)


class Failed(RuntimeError):
    """A step did not do what it must; the message says which."""


@dataclass(slots=True)
class Deployment:
    """A copy of the tree from which the stack runs, and the environment of every command."""

    folder: Path
    environment: Mapping[str, str]
    took: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say what is done and how long it took."""
        typer.echo(f"== {name}")
        began = time.monotonic()
        yield
        self.took[name] = time.monotonic() - began
        typer.echo(f"   {self.took[name]:.0f} s")

    def run(self, *command: str, given: bytes = b"", is_quiet: bool = True, may_fail: bool = False) -> str:
        """Run a command in the copy, give it something to read, and return what it said. Raises Failed."""
        done = subprocess.run(  # noqa: S603  our own commands
            command,
            cwd=self.folder,
            env=dict(self.environment),
            input=given,
            capture_output=is_quiet,
            check=False,
        )
        said, complaint = ((one or b"").decode(errors="replace") for one in (done.stdout, done.stderr))
        if done.returncode and not may_fail:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}\n{(said + complaint)[-3000:]}")
        return said.strip()

    def compose(self, *arguments: str, may_fail: bool = False) -> str:
        """Give Compose a command."""
        return self.run("scripts/deploy.sh", "compose", *arguments, may_fail=may_fail)

    def container(self, name: str) -> str:
        """Return the id of a service's container; `worker_2` is the second one."""
        service, _, number = name.partition("_")
        ids = self.compose("ps", "-q", service).split()
        return sorted(ids)[int(number or 1) - 1]

    def primary(self) -> str:
        """Return the service that leads the replica set."""
        script = (
            "import pymongo, pathlib; url = pathlib.Path('/run/secrets/mongodb_url').read_text().strip(); "
            "print(pymongo.MongoClient(url).admin.command('hello')['primary'].split(':')[0])"
        )
        return self.compose("exec", "-T", "worker", "python", "-c", script)


async def run(count: int, *, keep: bool) -> None:
    """Do everything. Raises Failed."""
    _require_packages()
    with tempfile.TemporaryDirectory(prefix="payment-gateway-deploy-") as place, _engine(Path(place)) as address:
        deployment = Deployment(_copied(Path(place) / "tree"), _environment(address))
        with deployment.step("stand-in images, where no registry is reached"):
            if deployment.run("docker", "pull", "--quiet", "python:3.11-slim-bookworm", may_fail=True) == "":
                deployment.run("tests/deploy/stand_ins/build.sh", is_quiet=False)
        try:
            with deployment.step("make deploy: build the image, start the stack"):
                deployment.run("scripts/deploy.sh", "up", is_quiet=False)
            with deployment.step("the demo through nginx by TLS"):
                typer.echo(deployment.compose("run", "--rm", "-T", "demo").splitlines()[-1])
            with deployment.step("Prometheus sees both instances and both workers"):
                await _is_watched()
            await _survives(deployment, count)
            with deployment.step("another certificate, as the guide says"):
                await _recertified(deployment)
            with deployment.step("make deploy once more changes nothing"):
                deployment.run("scripts/deploy.sh", "up")
            with deployment.step("what every container said is in one place and of one shape"):
                _gathered(deployment)
        except BaseException:
            typer.echo(deployment.compose("logs", "--tail", "40", may_fail=True)[-8000:], err=True)
            raise
        finally:
            if not keep:
                deployment.compose("down", "--volumes", "--timeout", "30", may_fail=True)


async def _survives(deployment: Deployment, count: int) -> None:
    """Kill each part in turn under load; then ask processor, product and ledger whether they agree."""
    async with _clients(deployment) as session:
        world = world_at(f"https://{_NAME}:{_HTTPS}", f"http://127.0.0.1:{_SIMULATOR}", session)
        inside = f"https://{_NAME}:8443"
        merchants = []
        for _ in range(count):
            merchant = await world.merchant(webhooks=False)
            # The processor is in the stack too, and reaches nginx by its inner port.
            await world_at(inside, world.simulator.url, session).register_webhook(merchant)
            merchants.append(merchant)
        load = Load(merchants)
        load.start(clients=4, rest_seconds=0.2)
        for name in _KILLED:
            with deployment.step(f"kill -9 {name}, {_DOWN_SECONDS:.0f} s later it is back"):
                container = deployment.container(deployment.primary() if name == "primary" else name)
                before = len(load.failures)
                deployment.run("docker", "kill", container)
                await asyncio.sleep(_DOWN_SECONDS)
                deployment.run("docker", "start", container)
                await asyncio.sleep(_BETWEEN_SECONDS)
                typer.echo(f"   {len(load.failures) - before} requests had to be repeated")
        with deployment.step("reload nginx under load"):
            before = len(load.failures)
            for _ in range(5):
                deployment.run("docker", "kill", "--signal", "HUP", deployment.container("nginx"))
                await asyncio.sleep(1)
            typer.echo(f"   {len(load.failures) - before} requests had to be repeated")
        await load.stop()
        with deployment.step("everything paid is completed, and all books agree"):
            wrong = await differences(load, seconds=300)
        if not wrong:
            with deployment.step("a backup, and its restore in place of the database"):
                _restored(deployment)
                wrong = await differences(load, seconds=120)
        typer.echo(
            f"   {load.asked} requests, {len(load.failures)} repeated; {len(load.created)} payments acknowledged, "
            f"{len(load.paid)} paid; lost, doubled or not agreeing: {len(wrong)}"
        )
        if wrong:
            raise Failed("\n".join(wrong[:20]))


async def _is_watched() -> None:
    """Wait until Prometheus has scraped everything of ours. Raises Failed."""
    ends_at = time.monotonic() + _WATCHED_SECONDS
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{_PROMETHEUS}/api/v1/targets?state=active") as answer:
                    targets = (await answer.json())["data"]["activeTargets"]
                up = Counter(target["labels"]["job"] for target in targets if target["health"] == "up")
                if (up["api"], up["worker"]) == (2, 2):
                    return
            if time.monotonic() > ends_at:
                raise Failed("Prometheus does not see all instances and workers")
            await asyncio.sleep(1)


async def _recertified(deployment: Deployment) -> None:
    """Put another certificate in the place of the first by the guide's commands, and see it served. Raises Failed."""
    made = deployment.folder / "another"
    made.mkdir()
    deployment.run(sys.executable, "deploy/nginx/certificate.py", str(made), _NAME)
    for name in ("tls.crt", "tls.key"):
        into = ["run", "--rm", "-i", "-v", f"{_PROJECT}_tls:/tls", "payment-gateway:local", "sh", "-c"]
        deployment.run("docker", *into, f"cat > /tls/{name}", given=(made / name).read_bytes())
    deployment.compose("kill", "-s", "HUP", "nginx")
    wanted = ssl.PEM_cert_to_DER_cert((made / "tls.crt").read_text(encoding="ascii"))
    ends_at = time.monotonic() + _DOWN_SECONDS
    while await asyncio.to_thread(_served_certificate) != wanted:
        if time.monotonic() > ends_at:
            raise Failed("nginx still serves the certificate of before")
        await asyncio.sleep(0.2)


def _served_certificate() -> bytes:
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", _HTTPS), timeout=5))


def _gathered(deployment: Deployment) -> None:
    """Read what the collector kept. Raises Failed."""
    kept = deployment.compose("exec", "-T", "logs", "sh", "-c", "cat /logs/day-*.log").split("\n")
    try:
        counts = Counter(line["service"] for line in parsed(kept))
    except (AssertionError, ValueError) as wrong:
        raise Failed(f"a line has another shape: {wrong}") from None
    typer.echo(f"   {counts.total()} lines of {len(counts)} services")
    if missing := set(_SPEAKING) - set(counts):
        raise Failed(f"the collector has no line of {', '.join(sorted(missing))}")


def _restored(deployment: Deployment) -> None:
    """Save everything, and bring it back while nothing else runs. Raises Failed."""
    deployment.compose("exec", "-T", "backup", "python", "-m", "app.cli", "backup", "/backups")
    deployment.compose("stop", "api-1", "api-2", "worker", "backup")
    command = ("python", "-m", "app.cli", "restore", "/backups", "--drop")
    said = deployment.compose("run", "--rm", "-T", "restore", *command)
    typer.echo(f"   {said.splitlines()[-1]}")
    deployment.run("scripts/deploy.sh", "up")


@contextlib.asynccontextmanager
async def _clients(deployment: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    certificate = deployment.folder / "tls.crt"
    certificate.write_text(deployment.compose("exec", "-T", "nginx", "cat", "/etc/payment-gateway-tls/tls.crt"))
    trust = ssl.create_default_context(cafile=certificate)
    connector = aiohttp.TCPConnector(limit=0, ssl=trust, resolver=_Here(), keepalive_timeout=2)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


class _Here(aiohttp.abc.AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[aiohttp.abc.ResolveResult]:
        return [aiohttp.abc.ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        return


def _require_packages() -> None:
    if not shutil.which("docker") or not shutil.which("docker-compose"):
        subprocess.run([ROOT / "scripts" / "packages.sh", *_PACKAGES], check=True)  # noqa: S603  our own


def _copied(folder: Path) -> Path:
    """Copy what is in git, and what is new beside it, into a folder."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")  # noqa: S603  our own
    for name in filter(None, names):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    # All clients come from one address here, which is no case of production.
    (folder / "tests" / "deploy" / "limits.test.conf").write_text(wide_limits(), encoding="utf-8")
    return folder


def _environment(engine: str) -> dict[str, str]:
    return {
        **os.environ,
        "DOCKER_HOST": engine,
        "DEPLOY_PROJECT": _PROJECT,
        "DEPLOY_FILES": "../tests/deploy/compose.test.yaml",
        "DEPLOY_BUILD_OPTIONS": "--network host",
        "COMPOSE_PROFILES": "redis,rabbitmq,monitoring",
        "SERVER_NAME": _NAME,
        "PUBLIC_URL": f"https://{_NAME}:8443",
        "HTTP_PORT": str(_HTTP),
        "HTTPS_PORT": str(_HTTPS),
        "SIMULATOR_PUBLISHED": str(_SIMULATOR),
        "PROMETHEUS_PORT": str(_PROMETHEUS),
        "RAZORPAY_KEY_ID": "rzp_test_deployment01",
        "RAZORPAY_KEY_SECRET": "only-the-simulator-knows-it",
        "TEST_LIMITS": "../tests/deploy/limits.test.conf",
    }


@contextlib.contextmanager
def _engine(place: Path) -> Iterator[str]:
    """Yield the address of an engine that answers; start one where there is none, and end only that one."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if _answers(address):
        yield address
        return
    if os.geteuid() != 0:
        raise Failed("No Docker engine answers, and only root may start one: start it, or set DOCKER_HOST.")
    typer.echo("== no Docker engine answers; starting one for this run")
    # What it keeps (the images) stays for the next run; what belongs to this run ends with it.
    data = ROOT / "artifacts" / "docker"
    data.mkdir(parents=True, exist_ok=True)
    address = f"unix://{place}/docker.sock"
    command = ["dockerd", "--data-root", str(data), "--exec-root", f"{place}/exec", "--pidfile", f"{place}/docker.pid"]
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    with (place / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(  # noqa: S603  our own
            [*command, "--host", address], stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        ends_at = time.monotonic() + _ENGINE_SECONDS
        while not _answers(address):
            if daemon.poll() is not None or time.monotonic() > ends_at:
                raise Failed(f"dockerd did not start:\n{(place / 'dockerd.log').read_text()[-2000:]}")
            time.sleep(0.5)
        yield address
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)
        _unmount_below(place)


def _unmount_below(place: Path) -> None:
    """Let go of what an engine leaves mounted when it ends, so that its folder can be removed."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    for mounted in reversed(mounts):
        if mounted.startswith(f"{place}/"):
            subprocess.run(["umount", "--lazy", mounted], check=False)  # noqa: S603, S607  our own


def _answers(address: str) -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    asked = [docker, "--host", address, "info", "--format", "{{.ServerVersion}}"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603  our own


def main(
    merchants: Annotated[int, typer.Option(min=1, max=8, help="How many sell at the same time.")] = 2,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
) -> None:
    """Start the production stack, kill its parts under load, and look whether anything was lost or doubled."""
    try:
        asyncio.run(run(merchants, keep=keep))
    except Failed as failure:
        typer.echo(f"The deployment failed: {failure}", err=True)
        sys.exit(1)
    typer.echo("Nothing was lost and nothing was doubled.")


if __name__ == "__main__":
    typer.run(main)
