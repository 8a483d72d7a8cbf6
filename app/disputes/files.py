"""Which files may stand as evidence: their size, their type by what they begin with, and their names; pure."""

import re

DOCUMENT_BYTES = 3 * 1024 * 1024
FORM_BYTES = 4 * DOCUMENT_BYTES
"""The longest form with a file: photographs are often larger than what is taken, and who sends one shall be told."""

_BEGINNINGS = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)
_ENDINGS = {"application/pdf": (".pdf",), "image/jpeg": (".jpg", ".jpeg"), "image/png": (".png",)}
_ODD = re.compile(r"[^A-Za-z0-9 ._-]+")
_LONGEST_NAME = 100


def mime_of(content: bytes) -> str | None:
    """Return the type of a file that the processor takes, told by the file itself; None for any other."""
    return next((mime for beginning, mime in _BEGINNINGS if content.startswith(beginning)), None)


def plain_name(name: str, *, mime: str) -> str:
    """Return a file's name in the letters that the processor takes, with the ending of its type."""
    endings = _ENDINGS[mime]
    stem, dot, ending = name.replace("\\", "/").rpartition("/")[2].rpartition(".")
    if f".{ending.lower()}" not in endings:
        stem, dot, ending = f"{stem}{dot}{ending}", ".", endings[0].removeprefix(".")
    plain = _ODD.sub("_", stem).strip(" ._-") or "document"
    return f"{plain[: _LONGEST_NAME - len(ending) - 1]}.{ending.lower()}"
