"""Every pattern of ours reads the longest text that a caller can send in a time that grows with its length (N6)."""

import importlib
import pkgutil
import re
import time

import pytest

import app

LENGTH = 32_000
MOST_SECONDS = 0.1  # of this thread's own time; a quadratic pattern takes several seconds
UNITS = ("a", "A", "0", "_", "-", ".", " ", "1 ", "1-", "a.", "a-", "x@", "eyJ", "eyJa.", '"', '\\"', "[", "{", "\\",
         "://", "a:", "Bearer ", "rzp_test_", "_live_", "whsec_", "application/", "charset=", "\u0967")  # fmt: skip
ENDS = ("", " @", "\x00", "!", "\n", ".", "@a.")


def patterns_in(value, depth=2):
    """Yield compiled patterns in a value and in what it holds."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from patterns_in(item, depth - 1)
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from patterns_in(item, depth - 1)


def all_patterns():
    """Return every pattern that a module of the product keeps, by its place."""
    found = {}
    for module_info in pkgutil.walk_packages(app.__path__, "app."):
        module = importlib.import_module(module_info.name)
        for name, value in vars(module).items():
            for pattern in patterns_in(value):
                found.setdefault(pattern, f"{module_info.name}.{name}")
    return found


PATTERNS = all_patterns()


def test_the_patterns_are_found():
    assert len(PATTERNS) > 10
    assert {"app.web.gate._STRUCTURE", "app.kit.pan._RUN", "app.web.middleware._REQUEST_ID"} <= set(PATTERNS.values())


@pytest.mark.parametrize("pattern", PATTERNS, ids=[f"{place}-{at}" for at, place in enumerate(PATTERNS.values())])
def test_n6_a_pattern_reads_a_long_text_in_linear_time(pattern):
    for unit in UNITS:
        for end in ENDS:
            text = unit * (LENGTH // len(unit)) + end
            subject = text.encode() if isinstance(pattern.pattern, bytes) else text
            started = time.thread_time()
            pattern.fullmatch(subject)
            sum(1 for _ in pattern.finditer(subject))
            seconds = time.thread_time() - started
            assert seconds < MOST_SECONDS, f"{pattern.pattern!r} takes {seconds:.2f} s on {unit!r} with {end!r} behind"
