"""Moments as people read them: in the viewer's zone, with UTC behind them."""

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from markupsafe import Markup

from app.kit.clock import to_rfc3339

ZONE_COOKIE = "tz"
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
_MONTHS: Mapping[str, Sequence[str]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "hi": ("जन॰", "फ़र॰", "मार्च", "अप्रैल", "मई", "जून", "जुल॰", "अग॰", "सित॰", "अक्तू॰", "नव॰", "दिस॰"),
}
_MOST_ZONES = 128


def zone_of(name: str | None) -> tzinfo:
    """Return the zone that a browser named; UTC where it named none that we know."""
    return _zone(name) if name is not None and _ZONE_NAME.fullmatch(name) else UTC


@functools.lru_cache(_MOST_ZONES)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # an unknown name, and one that names a folder
        return UTC


def format_time(moment: datetime, zone: tzinfo, language: str = "en") -> str:
    """Return a moment such as 5 Mar 2026, 14:07."""
    return f"{format_date(moment, zone, language)}, {moment.astimezone(zone):%H:%M}"


def format_date(moment: datetime, zone: tzinfo, language: str = "en") -> str:
    """Return a day such as 5 Mar 2026."""
    local = moment.astimezone(zone)
    months = _MONTHS.get(language, _MONTHS["en"])
    return f"{local.day} {months[local.month - 1]} {local.year}"


def time_tag(moment: datetime, zone: tzinfo, language: str = "en", *, with_clock: bool = True) -> Markup:
    """Return the element for a moment: shown in the zone, UTC in the title, exact for machines."""
    shown = (format_time if with_clock else format_date)(moment, zone, language)
    zone_name = moment.astimezone(zone).tzname() or ""
    title = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}" data-zone="{}">{}</time>').format(
        to_rfc3339(moment), title, zone_name, shown
    )
