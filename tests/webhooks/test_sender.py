"""What a merchant writes into an address must not reach anything of ours (W1 to W5, W10)."""

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver

from app.webhooks.destinations import Destinations, is_public
from app.webhooks.sender import Sender
from tests.webhooks.receiver import receiving

INNER = (
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.9.9", "192.168.1.1"),
    *("169.254.169.254", "169.254.1.1", "100.64.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.170", "::", "::1", "fc00::1"),
    *("fd12:3456::1", "fe80::1", "fe80::1%eth0", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254", "2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("2001:db8::1", "2001:0:7f00:1::", "100::1"),
)
OUTER = ("1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8")
# Other spellings of 127.0.0.1, 10.0.0.1 and 169.254.169.254, which the system's resolver understands.
ODD = (
    *("2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0x0.0x0.0x1"),
    *("167772161", "0xa000001", "10.1", "012.0.0.1", "2852039166", "0xa9fea9fe", "localhost", "localhost."),
)
FORMS = ("https://{}/", "https://{}:443/hooks", "https://{}:8443/")
UNFIT = {
    "http://example.com/": "not_https",
    "ftp://example.com/": "not_https",
    "file:///etc/passwd": "not_an_address",
    "javascript:alert(1)": "not_an_address",
    "gopher://example.com:70/": "not_https",
    "//example.com/": "not_an_address",
    "example.com": "not_an_address",
    "": "not_an_address",
    "https://": "not_an_address",
    "https:///hooks": "not_an_address",
    "https://user@example.com/": "has_credentials",
    "https://user:pass@example.com/": "has_credentials",
    "https://:pass@example.com/": "has_credentials",
    "https://example.com:22/": "port_not_allowed",
    "https://example.com:25/": "port_not_allowed",
    "https://example.com:80/": "port_not_allowed",
    "https://example.com:27017/": "port_not_allowed",
    "https://example.com:99999/": "not_an_address",
    "https://example.com:port/": "not_an_address",
    "https://exa mple.com/": "not_an_address",
    "https://example.com\\@127.0.0.1/": "not_an_address",
    "https://example.com/\r\nHost: inner": "not_an_address",
    "https://éxample.com/": "not_an_address",
    "https://example.com/" + "a" * 500: "not_an_address",
}


class Names(AbstractResolver):
    """A resolver that gives the next of these addresses each time it is asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in found
        ]

    async def close(self):
        """Have nothing to close."""


def literal(address):
    return f"[{address.partition('%')[0]}]" if ":" in address else address


@pytest.mark.parametrize("address", INNER)
def test_w1_an_inner_address_is_refused_in_every_form(address):
    assert not is_public(address)
    assert [Destinations().refusal_of(form.format(literal(address))) for form in FORMS] == ["not_public"] * 3


@pytest.mark.parametrize("address", OUTER)
def test_w1_an_address_of_the_internet_is_allowed(address):
    assert is_public(address)
    assert Destinations().refusal_of(f"https://{literal(address)}/") is None


@pytest.mark.parametrize("host", ODD)
async def test_w1_odd_spellings_of_inner_addresses_are_refused_at_the_connection(host):
    sender = Sender(Destinations())
    answer = await sender.send(f"https://{host}/", headers={}, body=b"{}")
    await sender.close()
    assert answer.status is None
    assert answer.reason in {"not_public", "name_unknown", "not_an_address"}


@pytest.mark.parametrize(("url", "reason"), UNFIT.items())
async def test_w10_what_is_no_plain_https_address_is_refused(url, reason):
    assert Destinations().refusal_of(url) == reason
    sender = Sender(Destinations())
    assert (await sender.send(url, headers={}, body=b"{}")).reason == reason


async def test_w2_a_name_that_changes_its_address_after_the_check_reaches_nothing_inner():
    reached = asyncio.Event()

    async def note(_reader, writer):
        reached.set()
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # The first look is good, the second is not; and one bad address among good ones spoils all of them.
    for answers in ([(OUTSIDE,), ("127.0.0.1",)], [("127.0.0.1",)], [(OUTSIDE, "127.0.0.1")]):
        names = Names(*answers)
        sender = Sender(OneOutside(), resolver=names, total_seconds=1)
        first = await sender.send(f"https://rebinds.example:{port}/", headers={}, body=b"{}")
        second = await sender.send(f"https://rebinds.example:{port}/", headers={}, body=b"{}")
        await sender.close()
        assert (first.status, second.status, second.reason) == (None, None, "not_public")
        assert names.asked == 2
    assert not reached.is_set()
    server.close()
    await server.wait_closed()


OUTSIDE = "127.0.0.2"
"""Stands for the internet, which no test calls."""


class OneOutside(Destinations):
    """Allows one address of this machine as if it were the internet's, on the port of the test's listener."""

    __slots__ = ()

    def allows(self, address):
        return address == OUTSIDE

    def refusal_of(self, text):
        return None  # the ports are another test's


async def test_w3_a_redirect_is_a_failure_and_is_not_followed():
    async with receiving() as inner, receiving() as outer:
        outer.redirect = inner.url
        sender = Sender(Destinations(may_be_private=True))
        answer = await sender.send(outer.url, headers={}, body=b"{}")
        await sender.close()
    assert (answer.status, answer.reason, answer.is_taken) == (307, "status_307", False)
    assert inner.got == []


async def test_w4_an_endless_answer_is_cut_and_a_silent_receiver_is_left():
    async def drip(reader, writer):
        await reader.read(1000)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1\r\nx\r\n")
            await asyncio.sleep(0.01)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    sender = Sender(Destinations(may_be_private=True), total_seconds=0.5)
    answer = await sender.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", headers={}, body=b"{}")
    assert answer.milliseconds < 5_000
    async with receiving() as silent:
        silent.hangs = True
        left = await sender.send(silent.url, headers={}, body=b"{}")
    assert (left.status, left.reason) == (None, "timeout")
    await sender.close()
    server.close()


async def test_a_receiver_that_is_not_there_or_breaks_off_is_a_failure_with_a_reason():
    async def hang_up(_reader, writer):
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = Sender(Destinations(may_be_private=True))
    assert (await sender.send(f"http://127.0.0.1:{port}/", headers={}, body=b"{}")).reason == "connection_broken"
    assert (await sender.send(f"https://127.0.0.1:{port}/", headers={}, body=b"{}")).reason in {
        "tls_failed",
        "connection_failed",
        "connection_broken",
    }
    server.close()
    await server.wait_closed()
    assert (await sender.send(f"http://127.0.0.1:{port}/", headers={}, body=b"{}")).reason == "connection_failed"
    unknown = await sender.send("http://no-such-name.invalid/", headers={}, body=b"{}")
    assert unknown.reason in {"name_unknown", "connection_failed"}
    await sender.close()
