"""Runs the supervisor in a process of its own, as the command line does; the plan comes as JSON."""

import json
import sys
from functools import partial
from pathlib import Path

from app.local.plan import RunPlan
from app.local.supervisor import run

if __name__ == "__main__":
    fields = {
        name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(sys.argv[1]).items()
    }
    plan = RunPlan(**{**fields, "data_dir": Path(fields["data_dir"])})
    sys.exit(run(plan, say=partial(print, flush=True)))
