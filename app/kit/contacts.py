"""E-mail addresses and telephone numbers: in one spelling each, so that they can be compared, and masked. Pure."""

import re

import phonenumbers

EMAIL_LENGTH = 254
PHONE_LENGTH = 32

_EMAIL = re.compile(r"[^@\s\"<>(),;:\\]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,188}[a-z0-9])?\.[a-z0-9-]{2,63}")
_PHONE = re.compile(r"\+?[0-9 ().-]{6,31}", re.ASCII)
_REGION = "IN"
_SHOWN_DIGITS = 4


def plain_email(text: str) -> str | None:
    """Return an e-mail address in its one spelling, None for what is none.

    Capitals are no difference: in theory they may be one before the @, in practice nobody tells people apart by them.
    """
    email = text.strip().lower()
    return email if len(email) <= EMAIL_LENGTH and _EMAIL.fullmatch(email) and email.isprintable() else None


def plain_phone(text: str) -> str | None:
    """Return a telephone number as E.164 writes it, None for what is none; one without a country is Indian."""
    written = text.strip()
    if _PHONE.fullmatch(written) is None:
        return None
    try:
        number = phonenumbers.parse(written, _REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def masked_email(email: str) -> str:
    """Return an address with only the first letter of its user: enough to recognise one that is known."""
    user, _, host = email.rpartition("@")
    return f"{user[:1]}***@{host}"


def masked_phone(phone: str) -> str:
    """Return a number with only its last four digits."""
    hidden = max(0, len(phone) - 1 - _SHOWN_DIGITS)
    return f"+{'*' * hidden}{phone[-_SHOWN_DIGITS:]}"
