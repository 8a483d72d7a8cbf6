"""What the loaded product says of itself: its modules, error classes, collections and layers."""

import functools
import importlib
import pkgutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import app
from app.database import Collection
from app.kit.errors import Problem, catalogue
from tests.house.sources import ROOT


@functools.cache
def modules() -> tuple[ModuleType, ...]:
    """Import every module of the product."""
    names = sorted(found.name for found in pkgutil.walk_packages(app.__path__, "app."))
    return tuple(importlib.import_module(name) for name in names if not name.endswith("__main__"))


def problems() -> tuple[type[Problem], ...]:
    """Return every error class of the product; those that tests define are left out."""
    modules()
    return tuple(catalogue())


def collections() -> Mapping[str, Collection]:
    """Return every collection that a room declares, with the module that does."""
    found: dict[str, Collection] = {}
    for module in modules():
        if module.__name__ == "app.wiring":
            continue
        for value in vars(module).values():
            declared = value if isinstance(value, tuple) else (value,)
            found |= {one.name: one for one in declared if isinstance(one, Collection)}
    return found


def layers(pyproject: Path = ROOT / "pyproject.toml") -> tuple[tuple[str, ...], ...]:
    """Return the rooms from top to bottom as import-linter holds them; rooms of one layer stand together."""
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    drawn = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return tuple(tuple(room.strip().removeprefix("app.") for room in layer.split("|")) for layer in drawn)


def room_names() -> set[str]:
    """Return the names of everything that stands directly in app/: packages and modules."""
    return {found.name for found in pkgutil.iter_modules(app.__path__)} - {"__main__"}
