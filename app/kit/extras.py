"""Optional packages: each is loaded when a setting asks for it, and its absence is told in one sentence."""

import importlib
from types import ModuleType


class ExtraMissing(RuntimeError):
    """A setting asks for a package that is not installed."""


def load_extra(module: str, *, setting: str, extra: str) -> ModuleType:
    """Import a module that belongs to an extra. Raises ExtraMissing, which names the setting and the extra."""
    try:
        return importlib.import_module(module)
    except ImportError:
        message = f"{setting} is set, but its package is missing; install the extra `{extra}`."
        raise ExtraMissing(message) from None
