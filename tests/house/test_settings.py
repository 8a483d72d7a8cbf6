"""`.env.example` holds every setting with its default and one line that explains it, and nothing else."""

import itertools
import re
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.config import Settings
from tests.house.sources import ROOT

_REMEDY = "write the setting into .env.example: a comment line that explains it, then NAME=default"
_LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")


def shown(default: Any) -> str:
    """Return a default as a person writes it in the environment."""
    match default:
        case SecretStr():
            return default.get_secret_value()
        case Enum():
            return str(default.value)
        case bool():
            return str(default).lower()
        case tuple():
            return ",".join(map(str, default))
        case Path():
            return default.as_posix()
        case _:
            return str(default)


def complaints(text: str) -> list[str]:
    """Return what is wrong with the text of an example file."""
    wanted = {name.upper(): shown(field.default) for name, field in Settings.model_fields.items()}
    written: dict[str, str] = {}
    found = []
    for above, line in itertools.pairwise(["", *text.splitlines()]):
        if not line or line.startswith("#"):
            continue
        setting = _LINE.fullmatch(line)
        if setting is None:
            found.append(f"neither a comment nor NAME=value: {line}")
            continue
        name, value = setting.groups()
        if not above.startswith("# "):
            found.append(f"{name} has no comment line above it")
        if name in written:
            found.append(f"{name} stands there twice")
        written[name] = value
    found += [f"{name} is missing" for name in wanted if name not in written]
    found += [f"{name} is no setting" for name in written if name not in wanted]
    found += [
        f"{name} is {value!r} there and {wanted[name]!r} in the code"
        for name, value in written.items()
        if name in wanted and value != wanted[name]
    ]
    return found


def test_the_example_is_complete_and_true() -> None:
    found = complaints((ROOT / ".env.example").read_text(encoding="utf-8"))
    assert not found, f"{_REMEDY}\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ("# Port.\nPORT=8001\n", "PORT is '8001' there and '8000' in the code"),
        ("PORT=8000\n", "PORT has no comment line above it"),
        ("# Old.\nPORTS=1\n", "PORTS is no setting"),
        ("# Port.\nPORT=8000\n# Port.\nPORT=8000\n", "PORT stands there twice"),
        ("# Port.\nPORT 8000\n", "neither a comment nor NAME=value: PORT 8000"),
        ("", "PORT is missing"),
    ],
)
def test_a_planted_mistake_is_noticed(planted: str, complaint: str) -> None:
    assert complaint in complaints(planted)


def test_the_example_file_works_as_an_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    nothing = tmp_path / "empty.env"
    nothing.touch()
    read = Settings(_env_file=ROOT / ".env.example")
    assert read == Settings(_env_file=nothing)
