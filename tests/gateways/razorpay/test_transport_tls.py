"""Who the host must prove to be (row R6)."""

import datetime as dt
import ipaddress
import random
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.gateways.port import NeverSent
from app.gateways.razorpay.transport import Limits, Transport
from app.kit.clock import SystemClock
from tests.gateways.razorpay.client import FINE, GOOD, POST, QUICK, outcome, transport_to
from tests.gateways.razorpay.host import no_http, playing


@pytest.fixture
def make_tls(tmp_path: Path) -> Callable[..., tuple[ssl.SSLContext, ssl.SSLContext]]:
    """Return a maker of a server's context with a certificate of its own, and of a client's that trusts it."""

    def make(*, expired: bool = False, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, ssl.SSLContext]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
        now = dt.datetime.now(dt.UTC)
        begin, end = (now - dt.timedelta(days=3), now + dt.timedelta(days=-1 if expired else 1))
        alternative = x509.IPAddress(ipaddress.ip_address(name))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = tmp_path / "both.pem"
        file.write_bytes(pem + secret)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        return server, ssl.create_default_context(cadata=pem.decode())

    return make


async def test_tls_with_a_trusted_certificate_works(
    make_tls: Callable[..., tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    server, client = make_tls()
    async with playing(FINE, tls=server) as host, transport_to(host.url, tls=client) as subject:
        assert await subject.send(POST) == GOOD


async def test_r6_a_host_that_cannot_prove_who_it_is_gets_nothing(
    make_tls: Callable[..., tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    stranger, _ = make_tls()
    late, late_trust = make_tls(expired=True)
    other, other_trust = make_tls(name="127.0.0.2")
    for server, trust in ((stranger, None), (late, late_trust), (other, other_trust)):
        async with playing(FINE, tls=server) as host, transport_to(host.url, tls=trust) as subject:
            assert await outcome(subject, POST) == (NeverSent, "tls_failed")
        assert host.received == []


async def test_r6_an_old_tls_version_is_refused(
    make_tls: Callable[..., tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    server, client = make_tls()
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    async with playing(FINE, tls=server) as host, transport_to(host.url, tls=client) as subject:
        kind, _ = await outcome(subject, POST)

    assert kind is NeverSent
    assert host.received == []


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    ],
)
def test_r6_tls_1_2_is_the_least_that_is_spoken(asked: ssl.TLSVersion, used: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    context.minimum_version = asked
    Transport("https://x", limits=QUICK, clock=SystemClock(), rng=random.Random(1), tls=context)  # noqa: S311  jitter

    assert context.minimum_version is used


def test_r6_a_context_that_would_not_verify_is_refused() -> None:
    blind = ssl.create_default_context()
    blind.check_hostname = False
    unnamed = ssl.create_default_context()
    unnamed.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    for context in (blind, unnamed):
        with pytest.raises(ValueError, match="verify"):
            Transport("https://x", limits=QUICK, clock=SystemClock(), rng=random.Random(1), tls=context)  # noqa: S311


async def test_plain_http_where_tls_was_expected_was_never_sent() -> None:
    limits = Limits(connect_seconds=0.2)
    async with playing(no_http) as host, transport_to(f"https://127.0.0.1:{host.port}", limits=limits) as subject:
        kind, _ = await outcome(subject, POST)

    assert kind is NeverSent
