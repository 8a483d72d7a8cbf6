"""Runs the command that makes the demo account, and reads what it says."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_TIMEOUT_SECONDS = 60.0


async def seed(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, timeout_seconds: float = _TIMEOUT_SECONDS
) -> dict[str, object] | None:
    """Return the account that the command printed as one JSON object, None when it failed; complaints go to the log."""
    with log.open("ab") as complaints:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(timeout_seconds):
            output, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
            await process.wait()
    return _last_object(output.decode(errors="replace")) if process.returncode == 0 else None


def _last_object(output: str) -> dict[str, object] | None:
    for line in reversed(output.splitlines()):
        with suppress(ValueError):
            if isinstance(found := json.loads(line), dict):
                return found
    return None
