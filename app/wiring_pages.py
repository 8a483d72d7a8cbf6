"""The part of wiring that builds the kit of pages."""

from app.config import Settings
from app.pages.render import Pages
from app.pages.security import FormTokens

PAGE_ROOMS = ("app.pages", "app.checkout", "app.links", "app.dashboard", "app.notices")
"""The packages that bring templates, and with them texts and assets."""


def pages_of(settings: Settings) -> Pages:
    """Read every template, text and asset."""
    tokens = FormTokens.of(settings.secret_key.get_secret_value(), settings.secret_key_previous.get_secret_value())
    return Pages.load(PAGE_ROOMS, tokens=tokens, origin=settings.public_address)
