"""The postbox shows what it got to people and programs, and believes nothing of it."""

import asyncio
import contextlib
import sys

import aiohttp
import aiosmtplib

from app.local.ports import free_port
from postbox.box import MOST_KEPT, Box
from tests.notices.post import listening


async def got(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, answer.headers, await answer.text()


async def test_a_mail_is_shown_escaped_and_its_html_in_a_sandbox():
    async with listening() as post:
        mail = (
            "From: a@b.example\r\nTo: c@d.example\r\nSubject: <b>x</b>\r\nContent-Type: text/html\r\n\r\n<i>y</i>\r\n"
        )
        await aiosmtplib.send(
            mail, sender="a@b.example", recipients=["c@d.example"], hostname="127.0.0.1", port=post.mail_port,
            start_tls=False,
        )  # fmt: skip
        status, headers, page = await got(post.url)
        assert (status, "&lt;b&gt;x&lt;/b&gt;" in page, "<b>" in page) == (200, True, False)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        [message] = post.box.to("c@d.example")
        status, headers, html = await got(f"{post.url}/messages/{message.id}/html")
        assert (status, html.strip()) == (200, "<i>y</i>")
        assert headers["Content-Security-Policy"].startswith("sandbox;")
        assert message.id in (await got(f"{post.url}/messages?to=c@d.example"))[2]
        assert (await got(f"{post.url}/messages/none/html"))[0] == 404


def test_only_so_many_are_kept():
    box = Box()
    for number in range(MOST_KEPT + 5):
        box.put(service="smtp", sender="a", to=str(number))
    assert len(box.messages) == MOST_KEPT
    assert (box.messages[0].to, box.to("0")) == (str(MOST_KEPT + 4), [])


async def test_the_command_listens_until_it_is_told_to_stop():
    port = free_port()
    mail_port = free_port(other_than=[port])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "postbox", "--port", str(port), "--mail-port", str(mail_port)
    )
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                assert (await got(f"http://127.0.0.1:{port}/health"))[0] == 200
                break
            await asyncio.sleep(0.05)
        process.terminate()
        assert await process.wait() == 0
