"""Forms as browsers send them: read within bounds, judged, and handed on as plain texts (failure rows N1, S18).

Files come with the few forms that ask for some. What is said of a file, its name and its type, is the sender's word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from app.kit.errors import Kind, Problem
from app.kit.pan import has_card_number
from app.web.errors import BadRequest, CardNumberRefused

_TYPE = "application/x-www-form-urlencoded"
_FILES = re.compile(r"multipart/form-data\s*;\s*boundary=(\"?)([0-9A-Za-z'()+_,./:=?-]{1,70})\1", re.IGNORECASE)
_NAME = re.compile(r'form-data;\s*name="([^"\r\n]*)"(?:;\s*filename="([^"\r\n]*)")?', re.IGNORECASE)
_MOST_FIELDS = 100
_LONGEST_HEAD = 2048


class FormExpected(Problem):
    """The body is not a form as browsers send it."""

    code = "form_expected"
    kind = Kind.UNSUPPORTED
    message = "Send this form from its page."


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form. The representation shows nothing of it."""

    name: str
    content: bytes = field(repr=False)


def parse_upload(
    raw: bytes, *, content_type: str | None, allow_cards: bool = False
) -> tuple[Mapping[str, str], Mapping[str, Upload]]:
    """Return the fields and the files of a form that may carry files; a field for a file that was left empty has none.

    Raises:
        FormExpected, BadRequest, CardNumberRefused: as of a plain form.
    """
    found = _FILES.fullmatch((content_type or "").strip())
    if found is None or not raw:
        return parse_form(raw, content_type=content_type, allow_cards=allow_cards), {}
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    for head, content in _parts(raw, boundary=found[2].encode()):
        name, file_name = _named(head)
        if file_name is None:
            fields[name] = _text(content)
        elif file_name or content:
            files[name] = Upload(file_name, content)
    judged = _judged(fields, allow_cards=allow_cards)
    _judged({name: upload.name for name, upload in files.items()}, allow_cards=allow_cards)
    return judged, files


def _parts(raw: bytes, *, boundary: bytes) -> list[tuple[bytes, bytes]]:
    """Return heads and contents of a multipart body (RFC 7578), without what stands before and behind them."""
    first, *parts = (b"\r\n" + raw).split(b"\r\n--" + boundary, _MOST_FIELDS + 1)
    if first or not parts or not parts[-1].startswith(b"--") or len(parts) > _MOST_FIELDS:
        raise _unreadable()
    found = []
    for part in parts[:-1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if not head.startswith(b"\r\n") or not blank or len(head) > _LONGEST_HEAD:
            raise _unreadable()
        found.append((head, content))
    return found


def _named(head: bytes) -> tuple[str, str | None]:
    """Return the name of a field, and of a file's its file name."""
    found = _NAME.search(_text(head))
    if found is None:
        raise _unreadable()
    return found[1], found[2]


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable() from None


def _unreadable() -> BadRequest:
    return BadRequest("The form could not be read.")


def parse_form(raw: bytes, *, content_type: str | None, allow_cards: bool = False) -> Mapping[str, str]:
    """Return the fields of a form; of a name that is sent twice the last counts.

    Raises:
        FormExpected: the body is of another type.
        BadRequest: it is no good form, or has too many fields.
        CardNumberRefused: a card's number stands in a field.
    """
    if not raw:
        return {}
    if (content_type or "").partition(";")[0].strip().lower() != _TYPE:
        raise FormExpected
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise _unreadable() from None
    return _judged(dict(pairs), allow_cards=allow_cards)


def _judged(sent: Mapping[str, str], *, allow_cards: bool) -> Mapping[str, str]:
    fields = {name: value.replace("\r\n", "\n") for name, value in sent.items()}
    if "\x00" in "".join([*fields, *fields.values()]):
        raise _unreadable()
    if not allow_cards:
        for name, value in fields.items():
            if has_card_number(value):
                raise CardNumberRefused(param=name if name.isidentifier() else None)
    return fields
