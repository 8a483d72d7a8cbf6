"""Somebody in front of a real browser, who notes what it complains of and what a person could not use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page

SCREENS = Path(__file__).resolve().parents[2] / "artifacts" / "screens"
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
_SERIOUS = {"serious", "critical"}
_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_NOTE_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
    console.error("CSP violation: " + event.violatedDirective + " " + event.blockedURI));
"""


@dataclass
class Visitor:
    """One browser window. `complaints` is what the browser wrote to its console, violations of the policy too."""

    page: Page
    size: str
    complaints: list[str] = field(default_factory=list)

    async def open(self, url: str) -> None:
        """Go to a page; it must answer well."""
        answer = await self.page.goto(url)
        assert answer is not None
        assert answer.ok, f"{answer.status} {url}"

    async def inspect(self, name: str) -> None:
        """Keep a screenshot, and hold the page to what every page must be."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENS / f"{name}-{self.size}.png", full_page=True)
        assert await flaws_of(self.page) == []
        assert self.complaints == []

    def hear(self, message: ConsoleMessage) -> None:
        """Note a complaint of the browser's."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@asynccontextmanager
async def visitor(browser: Browser, *, size: str = "desktop", **options: Any) -> AsyncIterator[Visitor]:
    """Open a window of its own, with no cookie of any other; `options` are those of the browser's context."""
    context = await browser.new_context(viewport=SIZES[size], reduced_motion="reduce", **options)
    context.set_default_timeout(15_000)
    await context.add_init_script(_NOTE_VIOLATIONS)
    page = await context.new_page()
    who = Visitor(page, size)
    page.on("console", who.hear)
    page.on("pageerror", lambda error: who.complaints.append(str(error)))
    try:
        yield who
    finally:
        await context.close()


async def flaws_of(page: Page) -> list[str]:
    """Return what keeps somebody from using the page: serious findings of axe, and a page wider than its window."""
    # Where scripts are switched off for the page, those of the inspection still run.
    found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": _WCAG}, "resultTypes": ["violations"]})
    flaws = [
        f"{one['id']}: {node['html'][:200]}"
        for one in found.response["violations"]
        if one["impact"] in _SERIOUS
        for node in one["nodes"]
    ]
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return flaws + ([f"the page is {wide} px wider than its window"] if wide > 0 else [])
