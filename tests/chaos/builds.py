"""What runs on a stage: the product as it is, or a deliberately broken build of it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PRODUCT = (sys.executable, "-m", "app.cli")


@dataclass(frozen=True, slots=True)
class Build:
    """What runs: the product's own command line, or a deliberately broken one.

    Attributes:
        command: what `api` and `worker` are appended to.
        has_janitor: whether payments are checked on a schedule; without, every webhook has to do its work.
        url_options: further options of the connection string.
        is_tuned: whether set and client have our options, or the defaults of MongoDB and its driver.
        members: how many the replica set has.
        older: where the code lies that runs at first, until it is replaced (P6); none means today's.
    """

    command: Sequence[str] = _PRODUCT
    has_janitor: bool = True
    url_options: str = ""
    is_tuned: bool = True
    members: int = 3
    older: Path | None = None
