"""A real Chromium, and the whole product for it to visit."""

import shutil

import pytest
from playwright.async_api import async_playwright

from tests.browser.visitor import visitor


@pytest.fixture(scope="session")
async def browser():
    """Return the system's Chromium; nothing is downloaded."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "these tests need Chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest.fixture(scope="session")
def world(shared_world):
    return shared_world


@pytest.fixture(params=["phone", "desktop"])
def size(request):
    """Return each size of a window in turn."""
    return request.param


@pytest.fixture
async def guest(browser, size):
    """Return somebody whom nobody knows, in a window of either size."""
    async with visitor(browser, size=size) as somebody:
        yield somebody
