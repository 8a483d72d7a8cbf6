"""Places where a test lets the process die, to prove that nothing is lost there (failure row P1).

`faultpoint("refunds.sent")` does nothing unless the environment variable `FAULT_POINT` names the place, and then ends
the process as `kill -9` would: no handler runs, no buffer is written. Production refuses to start with it set.
"""

import itertools
import os
from collections.abc import Callable, Mapping

VARIABLE = "FAULT_POINT"
_KILLED = 137


def faultpoint(name: str) -> None:
    """Mark a step that a crash must not hurt, such as `refunds.sent`."""
    if _armed is not None:
        _armed(name)


def arm(environ: Mapping[str, str], *, die: Callable[[int], object] = os._exit) -> Callable[[str], None] | None:
    """Return what happens at each point: nothing, or the end at the n-th visit of `FAULT_POINT=name:n`.

    Raises:
        ValueError: the variable is not of that form.
    """
    wanted = environ.get(VARIABLE, "")
    if not wanted:
        return None
    name, _, number = wanted.partition(":")
    last = int(number or 1)
    visits = itertools.count(1)

    def visit(at: str) -> None:
        if at == name and next(visits) == last:
            die(_KILLED)

    return visit


_armed = arm(os.environ)
