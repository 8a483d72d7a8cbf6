#!/usr/bin/env python3
"""Ask whether a pinned requirement has a known fault: `audit.py REQUIREMENTS REPORT [further words for pip-audit]`.

Ends with 0 when every one was asked about and none has a fault, with 1 when one has, and with 3 when nobody could be
asked about some of them. pip-audit calls a requirement that its service does not know harmless; here it is not checked.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CLEAN, FAULTY, UNKNOWN = 0, 1, 3


def judge(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the status of an audit's report and the sentences that explain it."""
    dependencies = report["dependencies"]
    faults = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no version'}"
        for one in dependencies
        for fault in one.get("vulns", ())
    ]
    if faults:
        return FAULTY, ["Known faults:", *(f"  {fault}" for fault in faults)]
    skipped = [one["name"] for one in dependencies if "skip_reason" in one]
    if skipped or not dependencies:
        few = ", ".join(skipped[:3]) + (", ..." if len(skipped) > 3 else "")
        return UNKNOWN, [f"NOT CHECKED for known faults: the service knows nothing of {len(skipped)} of them ({few})."]
    return CLEAN, [f"No known fault in {len(dependencies)} requirements."]


def ask(requirements: Path, report: Path, words: list[str]) -> tuple[int, list[str]]:
    """Run pip-audit over the pinned requirements, and judge what it writes."""
    report.unlink(missing_ok=True)
    report.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner=off"]
    command += [f"--requirement={requirements}", "--format=json", f"--output={report}", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own pinned tool
    if not report.exists():
        # It writes nothing when its service does not answer.
        last = (ran.stderr.strip() or "no word").splitlines()[-1][:200]
        return UNKNOWN, ["NOT CHECKED for known faults: the service could not be reached.", f"  pip-audit said: {last}"]
    return judge(json.loads(report.read_text(encoding="utf-8")))


def main() -> None:
    """Say in one or a few sentences what came out, and end with its status."""
    requirements, report, *words = sys.argv[1:]
    status, sentences = ask(Path(requirements), Path(report), words)
    print(*sentences, sep="\n", file=sys.stderr if status else sys.stdout)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
