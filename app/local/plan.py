"""What one local run consists of, as data."""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.local.embedded import url_of
from app.local.ports import free_port, is_free

SIMULATOR_KEY_ID = "rzp_test_simulator"
MARKER = "PAYMENT_GATEWAY_RUN"
_CLI = (sys.executable, "-m", "app.cli")
_ANY_HOSTS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # where a browser here reaches it


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to start, where. Port 0 means a free one; an empty seed command means no demo account."""

    data_dir: Path = Path(".data")
    host: str = "0.0.0.0"
    port: int = 8000
    simulator_port: int = 8090
    has_postbox: bool = True
    postbox_port: int = 8025
    mail_port: int = 0
    mongodb_url: str | None = None
    mongod_path: str | None = None
    razorpay_key_id: str = SIMULATOR_KEY_ID
    razorpay_base_url: str | None = None
    reload: bool = False
    api_command: tuple[str, ...] = (*_CLI, "api")
    worker_command: tuple[str, ...] = (*_CLI, "worker")
    simulator_command: tuple[str, ...] = (sys.executable, "-m", "razorpay_simulator")
    postbox_command: tuple[str, ...] = (sys.executable, "-m", "postbox")
    seed_command: tuple[str, ...] = (*_CLI, "seed-demo", "--json")
    health_timeout_seconds: float = 60.0
    grace_seconds: float = 25.0  # for a child to finish what it is doing
    restart_delay_seconds: float = 0.5  # doubled with every restart

    @property
    def uses_embedded_database(self) -> bool:
        """Tell whether no database was given."""
        return not self.mongodb_url

    @property
    def uses_simulator(self) -> bool:
        """Tell whether the processor is the simulator, and nobody runs one elsewhere."""
        return self.razorpay_key_id in ("", SIMULATOR_KEY_ID) and not self.razorpay_base_url

    @property
    def logs(self) -> Path:
        """Return the folder of the logs."""
        return self.data_dir / "logs"

    @property
    def worker_ready_file(self) -> Path:
        """Return the file into which the worker writes `ready`."""
        return self.data_dir / "worker.ready"

    @property
    def api_url(self) -> str:
        """Return the API's address as seen from this machine."""
        host = _ANY_HOSTS.get(self.host) or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{self.port}"

    @property
    def simulator_url(self) -> str:
        """Return the simulator's address."""
        return f"http://127.0.0.1:{self.simulator_port}"

    @property
    def postbox_url(self) -> str:
        """Return the address of the postbox's page."""
        return f"http://127.0.0.1:{self.postbox_port}"

    @property
    def marker(self) -> str:
        """Return the `NAME=value` in the environment by which the processes of this folder are known."""
        return f"{MARKER}={self.data_dir}"

    def resolved(self) -> "RunPlan":
        """Return the plan with its folder absolute and its free ports chosen."""
        port = self.port or free_port(other_than={self.simulator_port})
        simulator_port = self.simulator_port or free_port(other_than={port})
        postbox_port = self.postbox_port
        if self.has_postbox and not (postbox_port and is_free(postbox_port)):
            # Others of its kind like the same port, and nobody has to know this one by heart.
            postbox_port = free_port(other_than={port, simulator_port})
        return dataclasses.replace(
            self,
            data_dir=self.data_dir.resolve(),
            port=port,
            simulator_port=simulator_port,
            postbox_port=postbox_port,
            mail_port=self.mail_port or free_port(other_than={port, simulator_port, postbox_port}),
        )

    def environment(self, inherited: Mapping[str, str], *, mongod_port: int) -> dict[str, str]:
        """Return the environment of every child."""
        name, _, value = self.marker.partition("=")
        given = {
            name: value,
            "PYTHONUNBUFFERED": "1",
            "TYPER_STANDARD_TRACEBACK": "1",  # boxes drawn around a traceback make a log unreadable
            "DATA_DIR": str(self.data_dir),
            "MONGODB_URL": self.mongodb_url or url_of(mongod_port),
            "HOST": self.host,
            "PORT": str(self.port),
            "SIMULATOR_PORT": str(self.simulator_port),
            "WORKER_READY_FILE": str(self.worker_ready_file),
        }
        if self.uses_simulator:
            given["RAZORPAY_BASE_URL"] = self.simulator_url
        if self.has_postbox:
            given["MAIL_URL"] = f"smtp+plain://127.0.0.1:{self.mail_port}"
            given["MAIL_FROM"] = "notices@gateway.example"
            given["SMS_URL"] = f"twilio+plain://AC1:token@127.0.0.1:{self.postbox_port}?from=%2B15005550006"
        return {**inherited, **given}
