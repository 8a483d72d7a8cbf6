"""Everything that a run needs around the two applications: database, processor, processes, an account, CPU times."""

import http.client
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from app.local.embedded import EmbeddedMongod
from app.local.ports import free_port
from app.local.processes import end, spawn
from app.local.services import answers_ok
from benchmarks.bare import BARE_ACCOUNT
from benchmarks.traffic import Access

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PRODUCT, BARE = "product", "bare"
_KEY_IDS = {PRODUCT: "rzp_test_product", BARE: "rzp_test_bare"}
_KEY_SECRET = "benchmark_secret"  # noqa: S105  of a processor without money
# One key, one merchant and one address ask for everything: they are counted as always, and never refused.
_BUDGETS = ("RATE_LIMIT_READS", "RATE_LIMIT_WRITES", "RATE_LIMIT_EVENTS", "RATE_LIMIT_ANONYMOUS")
_ENDLESS = "1000000/s"
_START_SECONDS = 60.0
_GRACE_SECONDS = 20.0
_POLL_SECONDS = 0.05
_HTTP_SECONDS = 30.0
_READ_IDS = 500

Say = Callable[[str], None]
Document = dict[str, Any]


class StageFailed(RuntimeError):
    """A part did not start or an account could not be made; the message says which and where its log is."""


@dataclass(frozen=True, slots=True)
class Application:
    """One of the two applications, ready to be asked."""

    name: str
    access: Access
    pid: int
    database: str


@dataclass(frozen=True, slots=True)
class Stage:
    """All parts of a run."""

    product: Application
    bare: Application
    mongod_pid: int
    processor_pid: int
    processor_port: int
    is_simulator: bool
    mongodb: "MongoClient[Document]"

    def readable(self, application: Application) -> Application:
        """Return the application with payments to read; there must be some."""
        rows = self.mongodb[application.database]["payments"].find({"order_id": {"$type": "string"}}, {"_id": 1})
        ids = [row["_id"] for row in rows.limit(_READ_IDS)]
        return replace(application, access=replace(application.access, payment_ids=ids))

    def count(self, application: Application, collection: str, query: Document) -> int:
        """Return how many documents there are."""
        return self.mongodb[application.database][collection].count_documents(query)

    def orders(self) -> Mapping[str, Mapping[str, int]]:
        """Return what the processor counted by application; nothing when it is the simulator, which can't say."""
        if self.is_simulator:
            return {}
        counted = _call(self.processor_port, "GET", "/counted")
        names = {_KEY_IDS[name]: name for name in _KEY_IDS}
        return {names[account]: numbers for account, numbers in counted.items()}


@contextmanager
def staged(folder: Path, *, delay_ms: int, with_simulator: bool, say: Say) -> Iterator[Stage]:
    """Start everything, yield it, stop everything.

    Raises:
        StageFailed, LocalProblem: a part did not start.
    """
    with ExitStack() as parts:
        # A `.env` file of the working folder must not change what is measured.
        parts.enter_context(chdir(folder))
        say("Starting a database, a processor, the product and the bare application ...")
        mongod = parts.enter_context(EmbeddedMongod.ephemeral())
        mongodb: MongoClient[Document] = parts.enter_context(MongoClient(mongod.url))
        processor = _start_processor(parts, folder, delay_ms=delay_ms, with_simulator=with_simulator)
        processor_url = f"http://{HOST}:{processor.port}"
        product = _start_product(parts, folder, mongod.url, processor_url)
        bare_key_id = _KEY_IDS[PRODUCT] if with_simulator else _KEY_IDS[BARE]
        bare = _start_bare(parts, folder, mongod.url, processor_url, key_id=bare_key_id)
        yield Stage(
            product=product,
            bare=bare,
            mongod_pid=int(mongodb.admin.command("serverStatus")["pid"]),
            processor_pid=processor.pid,
            processor_port=processor.port,
            is_simulator=with_simulator,
            mongodb=mongodb,
        )


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far; 0 where the system doesn't tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Part:
    pid: int
    port: int


def _start(
    parts: ExitStack, folder: Path, name: str, command: list[str], port: int, environment: Mapping[str, str], path: str
) -> _Part:
    """Start one process in the folder and wait until it answers."""
    log = folder / f"{name}.log"
    inherited = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}}
    process = spawn(command, log=log, environment={**inherited, "PYTHONPATH": str(ROOT), **environment})
    parts.callback(end, process, grace_seconds=_GRACE_SECONDS)
    is_healthy = answers_ok(f"http://{HOST}:{port}{path}")
    deadline = time.monotonic() + _START_SECONDS
    while not is_healthy():
        if process.poll() is not None or time.monotonic() > deadline:
            message = f"the {name} did not start: {log.read_text(errors='replace')[-2000:]}"
            raise StageFailed(message)
        time.sleep(_POLL_SECONDS)
    return _Part(pid=process.pid, port=port)


def _start_processor(parts: ExitStack, folder: Path, *, delay_ms: int, with_simulator: bool) -> _Part:
    port = free_port()
    if not with_simulator:
        command = [sys.executable, "-m", "benchmarks.processor", "--port", str(port), "--delay-ms", str(delay_ms)]
        return _start(parts, folder, "processor", command, port, {}, "/health")
    command = [sys.executable, "-m", "razorpay_simulator", "--port", str(port), "--latency-ms", str(delay_ms)]
    command += ["--key-id", _KEY_IDS[PRODUCT], "--key-secret", _KEY_SECRET, "--quiet"]
    return _start(parts, folder, "simulator", command, port, {}, "/_sim/health")


def _start_product(parts: ExitStack, folder: Path, mongodb_url: str, processor_url: str) -> Application:
    """Start the API as in production, sign a merchant up and make a key, all over HTTP."""
    port = free_port()
    environment = {
        "ENVIRONMENT": "production",
        "HOST": HOST,
        "PORT": str(port),
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "ALLOWED_HOSTS": HOST,
        "MONGODB_URL": mongodb_url,
        "DATABASE_NAME": PRODUCT,
        "SECRET_KEY": secrets.token_hex(32),
        "DEMO_ACCOUNT": "false",
        "RAZORPAY_KEY_ID": _KEY_IDS[PRODUCT],
        "RAZORPAY_KEY_SECRET": _KEY_SECRET,
        "RAZORPAY_BASE_URL": processor_url,
        **dict.fromkeys(_BUDGETS, _ENDLESS),
    }
    command = [sys.executable, "-m", "app.cli", "api"]
    part = _start(parts, folder, PRODUCT, command, port, environment, "/health/live")
    return Application(PRODUCT, _signed_up(port), part.pid, PRODUCT)


def _start_bare(parts: ExitStack, folder: Path, mongodb_url: str, processor_url: str, *, key_id: str) -> Application:
    port = free_port()
    access = Access(
        host=HOST,
        port=port,
        token=secrets.token_urlsafe(32),
        merchant=BARE_ACCOUNT,
        webhook_secret=secrets.token_urlsafe(32),
    )
    environment = {
        "BARE_MONGODB_URL": mongodb_url,
        "BARE_DATABASE": BARE,
        "BARE_PROCESSOR_URL": processor_url,
        "BARE_KEY_ID": key_id,
        "BARE_KEY_SECRET": _KEY_SECRET,
        "BARE_TOKEN": access.token,
        "BARE_WEBHOOK_SECRET": access.webhook_secret,
    }
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare:create_app", "--factory", "--port", str(port)]
    command += ["--no-access-log", "--no-server-header", "--log-level", "warning", "--backlog", "2048"]
    part = _start(parts, folder, BARE, command, port, environment, "/health/live")
    return Application(BARE, access, part.pid, BARE)


def _signed_up(port: int) -> Access:
    """Return the access of a new merchant, made the way anybody would make it."""
    email, password = "bench@example.com", secrets.token_urlsafe(24)
    account = {"email": email, "password": password, "full_name": "Bench Owner", "merchant_name": "Bench Merchant"}
    _call(port, "POST", "/api/v1/auth/signup", account)
    tokens = _call(port, "POST", "/api/v1/auth/signin", {"email": email, "password": password})["data"]
    bearer = tokens["access_token"]
    key = _call(port, "POST", "/api/v1/api-keys", {"name": "bench"}, bearer)["data"]
    merchant = _call(port, "GET", "/api/v1/merchant", None, bearer)["data"]
    rotated = _call(port, "POST", "/api/v1/merchant/webhook-secret/rotate", {}, bearer)["data"]
    return Access(host=HOST, port=port, token=key["secret"], merchant=merchant["id"], webhook_secret=rotated["secret"])


def _call(port: int, method: str, path: str, body: Document | None = None, bearer: str | None = None) -> Document:
    """Send one request and return the JSON of its good answer. Raises StageFailed."""
    headers = {"Content-Type": "application/json", "Connection": "close"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    connection = http.client.HTTPConnection(HOST, port, timeout=_HTTP_SECONDS)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        message = f"{method} {path} answered {answer.status}: {content[:500].decode(errors='replace')}"
        raise StageFailed(message)
    parsed: Document = json.loads(content)
    return parsed
