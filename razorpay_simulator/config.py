"""What a simulator may be told when it starts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """Settings of one simulator; every one has a working default.

    Args:
        host: the address to listen on.
        port: the port; 0 means any free one.
        key_id: public half of the default account's key.
        key_secret: secret half of it.
        seed: the number that decides everything random (13.7).
        epoch: start the clock at this Unix time, which makes ids reproducible; None means the present, so that a
            restarted simulator never hands out an id twice.
        latency_ms: how long every API answer takes at least.
        journal: a file that gets one JSON line per fact.
        journal_size: how many facts are kept in memory.
        quiet: no access log.
        seed_data: start with the entities of `seeds.py`.
        unique_receipts: refuse a second order with the same receipt.
        refuse_private_urls: refuse webhook URLs as the processor does (ports, private addresses).
        webhook_timeout_seconds: how long a receiver may take.
        webhook_concurrency: how many deliveries may be under way.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    key_id: str = "rzp_test_simulator"
    key_secret: str = "simulator_secret"  # noqa: S105  the documented key of a machine without money
    seed: int = 1
    epoch: int | None = None
    latency_ms: int = 0
    journal: Path | None = None
    journal_size: int = 50_000
    quiet: bool = False
    seed_data: bool = False
    unique_receipts: bool = True
    refuse_private_urls: bool = False
    webhook_timeout_seconds: float = 5.0
    webhook_concurrency: int = 32
