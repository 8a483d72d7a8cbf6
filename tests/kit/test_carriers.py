"""The addresses of carriers are read strictly, and nothing of a wrong one is repeated."""

import pytest

from app.kit.carriers import MailServer, SmsProvider, SmsService

KINDS = frozenset({"receipt", "link"})


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("smtps://user:p%40ss@mail.example", ("mail.example", 465, True, False, "user", "p@ss")),
        ("smtp://mail.example:2525", ("mail.example", 2525, False, True, None, None)),
        ("smtp+plain://127.0.0.1:1025", ("127.0.0.1", 1025, False, False, None, None)),
        ("smtps://[::1]:465/", ("::1", 465, True, False, None, None)),
    ],
)
def test_a_mail_server_is_read(url, where):
    server = MailServer.of(url)
    found = (server.host, server.port, server.is_encrypted, server.starts_tls, server.user, server.password)
    assert found == where
    assert server.is_plain is url.startswith("smtp+plain")


@pytest.mark.parametrize(
    "url",
    [
        "mail.example", "http://canary:canary@mail.example", "smtp://", "smtp://canary@mail.example",
        "smtp://mail.example:canary", "smtp://mail.example:99999", "smtp://mail.example/canary", "smtp://[canary",
    ],
)  # fmt: skip
def test_what_is_no_mail_server_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError, match="it ") as refused:
        MailServer.of(url)
    assert "canary" not in str(refused.value)


def test_the_services_are_read_with_their_own_hosts_unless_another_is_named():
    msg91 = SmsService.of("msg91://key@?receipt=T1&link=T2&other=T3", kinds=KINDS)
    assert (msg91.provider, msg91.address, msg91.secret) == (SmsProvider.MSG91, "https://control.msg91.com", "key")
    assert msg91.templates == {"receipt": "T1", "link": "T2"}
    twilio = SmsService.of("twilio+plain://AC1:token@localhost:8025?from=%2B15005550006", kinds=KINDS)
    assert (twilio.address, twilio.user, twilio.secret) == ("http://localhost:8025", "AC1", "token")
    assert (twilio.sender, twilio.is_plain, msg91.is_plain) == ("+15005550006", True, False)
    assert "token" not in repr(twilio)


@pytest.mark.parametrize(
    "url",
    [
        "msg91://key@?receipt=canary", "msg91://?receipt=1&link=2", "msg91://key:canary@?receipt=1&link=2",
        "twilio://canary@?from=1", "twilio://AC1:canary@", "nexmo://canary:canary@?from=1", "twilio://a:b@x:y?from=1",
    ],
)  # fmt: skip
def test_what_is_no_service_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError, match=r"it |needs") as refused:
        SmsService.of(url, kinds=KINDS)
    assert "canary" not in str(refused.value)
