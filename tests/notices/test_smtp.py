"""Mail is handed over encrypted, verified, in good form, and what goes wrong has a code without anybody's address."""

import asyncio
from dataclasses import replace

import pytest

from app.kit.carriers import MailServer
from app.kit.clock import SystemClock
from app.notices.port import Mail, NotTaken, Refused
from app.notices.smtp import SmtpMailer, one_line
from tests.notices.post import certified, listening

MAIL = Mail(
    message_id="<ntc_1@shop.example>",
    sender="A Shop",
    to="asha.canary@example.org",
    subject="Received: ₹500.00",
    text="धन्यवाद, ₹500.00 & more\n",
    html="<p>₹500.00 &amp; more</p>\n",
)


def mailer(url, **fields):
    return SmtpMailer(MailServer.of(url), "notices@shop.example", SystemClock(), **fields)


async def outcome(sending):
    """Return how it ended: a code and whether it is for good."""
    try:
        await sending
    except Refused as refused:
        return "refused", refused.reason
    except NotTaken as later:
        return "later", later.reason
    return "taken", None


async def test_a_mail_arrives_with_both_parts_and_the_headers_that_keep_robots_silent():
    async with listening() as post:
        await mailer(f"smtp+plain://127.0.0.1:{post.mail_port}").send_mail(MAIL)
        [got] = post.box.to(MAIL.to)
    assert (got.sender, got.subject) == ("notices@shop.example", MAIL.subject)
    assert (got.text.strip(), got.html.strip()) == (MAIL.text.strip(), MAIL.html.strip())
    assert got.headers["message-id"] == MAIL.message_id
    assert got.headers["auto-submitted"] == "auto-generated"
    assert got.headers["from"] == "A Shop <notices@shop.example>"


@pytest.mark.parametrize("name", ["A\r\nBcc: evil@example.org", "A\nB", "A\0B", 'Ravi "R" <x@y.example>,', "x" * 5000])
async def test_no_name_or_subject_makes_a_header_of_its_own(name):
    async with listening() as post:
        await mailer(f"smtp+plain://127.0.0.1:{post.mail_port}").send_mail(replace(MAIL, sender=name, subject=name))
        assert [one.to for one in post.box.messages] == [MAIL.to]
        [got] = post.box.messages
    assert "bcc" not in got.headers
    assert got.subject == one_line(name)
    assert got.headers["from"].endswith("<notices@shop.example>")
    assert len(got.headers["from"]) < 300


@pytest.mark.parametrize("address", ["a@b.example\r\nRCPT TO:<evil@example.org>", "a b@c.example", "nobody", ""])
async def test_what_is_no_address_is_refused_before_anybody_is_asked(address):
    async with listening() as post:
        sending = mailer(f"smtp+plain://127.0.0.1:{post.mail_port}").send_mail(replace(MAIL, to=address))
        assert await outcome(sending) == ("refused", "not_an_address")
        assert not post.box.messages


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_encrypted_mail_arrives_with_a_password_and_a_stranger_in_between_gets_nothing(scheme, tmp_path):
    shown, trusting = certified(tmp_path)
    async with listening(context=shown, is_encrypted=scheme == "smtps") as post:
        url = f"{scheme}://user:p%40ss@127.0.0.1:{post.mail_port}"
        assert await outcome(mailer(url, context=trusting).send_mail(MAIL)) == ("taken", None)
        assert await outcome(mailer(url).send_mail(MAIL)) == ("later", "tls_failed")
        assert post.box.taken == 1


async def test_a_server_that_does_not_offer_to_encrypt_gets_no_mail():
    async with listening() as post:
        sending = mailer(f"smtp://user:secret@127.0.0.1:{post.mail_port}").send_mail(MAIL)
        assert await outcome(sending) == ("later", "not_encrypted")
        assert not post.box.messages


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        ("451 4.3.0 asha.canary@example.org: later", ("later", "smtp_451")),
        ("550 5.1.1 asha.canary@example.org: unknown", ("refused", "smtp_550")),
        ("421 4.3.2 closing", ("later", "smtp_421")),
    ],
)
async def test_a_refusal_says_whether_it_is_for_good_and_repeats_nothing(answer, end):
    async with listening() as post:
        post.box.smtp_answers.append(answer)
        assert await outcome(mailer(f"smtp+plain://127.0.0.1:{post.mail_port}").send_mail(MAIL)) == end


async def test_nobody_there_and_a_silent_server_are_tried_again():
    async with listening() as post:
        gone = post.mail_port
    assert await outcome(mailer(f"smtp+plain://127.0.0.1:{gone}").send_mail(MAIL)) == ("later", "connection_failed")

    told, ended = asyncio.Event(), asyncio.Event()

    async def silent(_reader, writer):
        await told.wait()
        writer.close()
        ended.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        sending = mailer(f"smtp+plain://127.0.0.1:{port}", total_seconds=0.2).send_mail(MAIL)
        assert await outcome(sending) == ("later", "timeout")
        told.set()
        await ended.wait()


def test_neither_mail_nor_server_shows_what_is_private():
    assert "asha" not in repr(MAIL)
    assert "secret" not in repr(MailServer.of("smtps://user:secret@mail.example"))
