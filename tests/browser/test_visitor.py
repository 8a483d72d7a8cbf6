"""The inspection itself: a page that somebody could not use does not pass."""

import pytest

from tests.browser.visitor import flaws_of, visitor

_PAGE = "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1>{}</main>"


@pytest.mark.parametrize(
    ("part", "flaw"),
    [
        ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "image-alt"),
        ("<input type=text>", "label"),
        ("<p style='color:#bbb;background:#fff'>Faint</p>", "color-contrast"),
        ("<div style='width:3000px'>Wide</div>", "wider than its window"),
    ],
)
async def test_a_page_that_somebody_could_not_use_is_found_out(guest, part, flaw):
    await guest.page.set_content(_PAGE.format("<p>Fine.</p>"))
    assert await flaws_of(guest.page) == []
    await guest.page.set_content(_PAGE.format(part))
    found = await flaws_of(guest.page)
    assert found
    assert all(flaw in one for one in found)


async def test_what_the_policy_of_a_page_forbids_is_heard(browser):
    async with visitor(browser) as somebody:
        policy = "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">"
        await somebody.page.set_content(f"{policy}{_PAGE.format('<p onclick=1>A</p><script>1</script>')}")
        await somebody.page.wait_for_timeout(100)
    assert any("Content Security Policy" in complaint for complaint in somebody.complaints)
