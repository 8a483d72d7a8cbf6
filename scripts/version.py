#!/usr/bin/env python3
"""Print the version that is about to be released, or everything that contradicts it: `version.py [TAG]`."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def contradictions(root: Path, version: str, tag: str) -> list[str]:
    """Return in one sentence each what does not say this version."""
    found = []
    code = re.search(
        r'^__version__ = "(.*)"$', (root / "app" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    if code is None or code[1] != version:
        found.append(f"app/__init__.py says {code[1] if code else 'nothing'}.")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[?{re.escape(version)}\]?( |$)", changes, re.MULTILINE):
        found.append(f"CHANGELOG.md has no section {version}: rename Unreleased, with the date of today.")
    for file in sorted((root / "deploy").rglob("kustomization.yaml")):
        tags = re.findall(r"^ +newTag: (\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        found += [f"{file.relative_to(root).as_posix()} says {other}." for other in tags if other != version]
    if tag and tag != f"v{version}":
        found.append(f"the tag is {tag}, not v{version}.")
    return found


def main() -> None:
    """Print the version, or end with what contradicts it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    tag = sys.argv[1] if len(sys.argv) > 1 else ""
    if found := contradictions(ROOT, version, tag):
        print(f"pyproject.toml says {version}, but", *(f"  {line}" for line in found), sep="\n", file=sys.stderr)
        raise SystemExit(1)
    print(version)


if __name__ == "__main__":
    main()
