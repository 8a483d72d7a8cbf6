"""Logs as one JSON object per line, without secrets, card numbers or personal data (failure rows N8, S18).

structlog and the standard library's loggers (the server's, the driver's) end in the same renderer. Two nets catch
what must not be logged: the names of fields, and the look of values. The second one first reads the finished line, so
a line without anything suspicious costs two searches.
"""

import functools
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TextIO

import structlog

from app.kit.clock import Clock, SystemClock, to_rfc3339
from app.kit.pan import mask_card_numbers

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(
    r"passw|secret|token|authorization|cookie|card|cvv|cvc|e-?mail|contact|phone|vpa|otp|api_?key|signature|private|dsn",
    re.IGNORECASE,
)
_TOKEN_HEAD = 7


def _without_tokens(word: re.Match[str]) -> str:
    """Return a word without the access tokens in it: three parts, of which the first begins with `eyJ` (`{"`)."""
    parts = word.group().split(".")
    kept = []
    at = 0
    while at < len(parts):
        start = parts[at].find("eyJ")
        is_token = start >= 0 and len(parts[at]) - start >= _TOKEN_HEAD and any(parts[at + 1 : at + 2])
        kept.append(parts[at][:start] + REDACTED if is_token else parts[at])
        at += 3 if is_token else 1
    return ".".join(kept)


# A marker says cheaply that a text may hold what the pattern beside it then replaces. A pattern that may begin within a
# word tries each of its letters and takes quadratic time (N6): these begin where a word does and read on to its end.
# Possessive quantifiers would say the same, but the first releases of Python 3.11 get them wrong.
_SECRET_VALUES: tuple[tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    ("earer ", re.compile(r"([Bb]earer )[\w.~+/=-]+"), rf"\1{REDACTED}"),
    ("asic ", re.compile(r"([Bb]asic )[\w+/=-]+"), rf"\1{REDACTED}"),
    ("eyJ", re.compile(r"[\w.-]+"), _without_tokens),
    ("_live_", re.compile(r"\b([A-Za-z]{2,12}_live_)[\w-]+"), rf"\1{REDACTED}"),
    ("_test_", re.compile(r"\b([A-Za-z]{2,12}_test_)[\w-]+"), rf"\1{REDACTED}"),
    ("pgr.", re.compile(r"\bpgr\.[\w.-]+"), f"pgr.{REDACTED}"),
    ("whsec_", re.compile(r"whsec_[\w+/=-]+"), f"whsec_{REDACTED}"),
    ("://", re.compile(r"(?<!\w)(\w+://)[^\s/@\"\\]+@"), rf"\1{REDACTED}@"),
    ("@", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-][\w.+@-]*"), REDACTED),
)
_MARKERS = re.compile("|".join(re.escape(marker) for marker, _, _ in _SECRET_VALUES))
_MANY_DIGITS = re.compile(r"\d(?:[ -]?\d){12}")
_LEAST_CARD_NUMBER = 10**12
_DEPTH = 6
_encode = json.JSONEncoder(separators=(",", ":")).encode
_FRAMES = 30
_QUIET = {"uvicorn.access": logging.WARNING, "pymongo": logging.WARNING, "asyncio": logging.WARNING}
Event = MutableMapping[str, Any]


def configure_logs(*, level: str = "INFO", stream: TextIO | None = None, clock: Clock | None = None) -> None:
    """Send every log line of the process as JSON to the stream (standard output when None)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer = Renderer(clock or SystemClock())
    target = stream if stream is not None else sys.stdout
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=functools.partial(_line_writer, target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_StandardFormatter(renderer))
    handler.addFilter(_calm_driver)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, number))


@dataclass(frozen=True, slots=True)
class Renderer:
    """The last processor: from an event's fields to its line."""

    clock: Clock

    def __call__(self, logger: Any, method: str, event: Event) -> str:
        """Return the finished line."""
        return self.line(event, level=method, name=getattr(logger, "name", "app"))

    def line(self, event: Event, *, level: str, name: str) -> str:
        """Return one JSON object in pure ASCII: control characters and foreign scripts are escaped."""
        raised = event.pop("exc_info", None)
        fields: dict[str, Any] = {
            "timestamp": to_rfc3339(self.clock.now()),
            "level": "error" if level == "exception" else level,
            "logger": name,
        }
        for key, value in event.items():
            fields[str(key)] = REDACTED if _is_secret_name(str(key)) else _plain(value, _DEPTH)
        if error := _exception_of(raised):
            fields["exception"] = describe_exception(error)
        line = _encode(fields)
        # Values are replaced before they are encoded, never in the finished line, whose escapes could break.
        return _encode(_scrubbed(fields)) if _is_suspicious(line) else line


def scrub(text: str) -> str:
    """Return the text without bearer tokens, keys, passwords in addresses, e-mail addresses and card numbers."""
    for marker, pattern, replacement in _SECRET_VALUES:
        if marker in text:
            text = pattern.sub(replacement, text)
    return mask_card_numbers(text) if _MANY_DIGITS.search(text) else text


def _is_suspicious(line: str) -> bool:
    return _MARKERS.search(line) is not None or _MANY_DIGITS.search(line) is not None


def _scrubbed(value: Any) -> Any:
    match value:
        case str():
            return scrub(value)
        case dict():
            return {scrub(key): _scrubbed(item) for key, item in value.items()}
        case list():
            return [_scrubbed(item) for item in value]
        case _:
            return value


def describe_exception(error: BaseException) -> dict[str, Any]:
    """Return an exception as fields: type, sentence, frames, cause.

    Validators repeat what was sent to them in their sentence, so of theirs only places and rules are kept.
    """
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": _message_of(error),
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = {"type": type(cause).__qualname__, "message": _message_of(cause)}
    return described


def _message_of(error: BaseException) -> str:
    errors: Callable[[], list[Mapping[str, Any]]] | None = getattr(error, "errors", None)
    if not callable(errors):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, item.get('loc', ())))}: {item.get('type')}" for item in errors())


def _exception_of(raised: Any) -> BaseException | None:
    match raised:
        case BaseException():
            return raised
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
        case _:
            return None


@functools.lru_cache(maxsize=1024)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _plain(value: Any, depth: int) -> Any:
    """Return a value as JSON can show it; numbers that could be card numbers become text, which is then read."""
    match value:
        case None | bool() | float():
            return value
        case str():
            return str(value)
        case int():
            return value if abs(value) < _LEAST_CARD_NUMBER else str(value)
        case Mapping() if depth:
            return {
                str(key): REDACTED if _is_secret_name(str(key)) else _plain(item, depth - 1)
                for key, item in value.items()
            }
        case list() | tuple() | set() | frozenset() if depth:
            return [_plain(item, depth - 1) for item in value]
        case _:
            return f"<{type(value).__name__}>" if depth == 0 else str(value)


class _Line:
    """What structlog writes through: one write per line, and the name of the logger."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self.name = name

    def write(self, line: str) -> None:
        """Write the line and its end in one call, so that lines of threads don't mix."""
        self._stream.write(line + "\n")
        self._stream.flush()

    debug = info = warning = error = critical = exception = msg = log = write


def _line_writer(stream: TextIO, *names: Any) -> _Line:
    return _Line(stream, str(names[0]) if names else "app")


def _calm_driver(record: logging.LogRecord) -> bool:
    """Make the driver's errors warnings: its background work tries again by itself, and requests say what they met."""
    if record.name.startswith("pymongo") and record.levelno > logging.WARNING:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


class _StandardFormatter(logging.Formatter):
    """Renders the standard library's records like everything else."""

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self._renderer = renderer

    def format(self, record: logging.LogRecord) -> str:
        event: Event = {**structlog.contextvars.get_contextvars(), "event": record.getMessage()}
        event["exc_info"] = record.exc_info
        return self._renderer.line(event, level=record.levelname.lower(), name=record.name)
