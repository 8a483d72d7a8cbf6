"""Forms as browsers send them: read within bounds, judged, and handed on as plain texts (failure rows N1, S18)."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from app.kit.errors import Kind, Problem
from app.kit.pan import has_card_number
from app.web.errors import BadRequest, CardNumberRefused

_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 100


class FormExpected(Problem):
    """The body is not a form as browsers send it."""

    code = "form_expected"
    kind = Kind.UNSUPPORTED
    message = "Send this form from its page."


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
        raise BadRequest("The form could not be read.") from None
    fields = {name: value.replace("\r\n", "\n") for name, value in pairs}
    if "\x00" in "".join([*fields, *fields.values()]):
        raise BadRequest("The form could not be read.")
    if not allow_cards:
        for name, value in fields.items():
            if has_card_number(value):
                raise CardNumberRefused(param=name if name.isidentifier() else None)
    return fields
