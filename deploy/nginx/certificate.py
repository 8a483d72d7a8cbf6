"""Make a self-signed certificate where there is none yet, so that the first start already speaks TLS.

    python certificate.py FOLDER NAME [NAME ...]

Writes `tls.crt` and `tls.key` into the folder, for the names given, and never touches a certificate that is there: put
your own in their place, and renew it by whatever you use (see docs/guides/deploy.md).
"""

import ipaddress
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=825)
_USAGE = {
    name: name == "digital_signature"
    for name in (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
}


def make_certificate(names: list[str], *, now: datetime) -> tuple[bytes, bytes]:
    """Return a certificate for these host names or addresses and its private key, both in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**_USAGE), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    if len(arguments) < 2:
        sys.stderr.write("Usage: certificate.py FOLDER NAME [NAME ...]\n")
        return 2
    folder, names = Path(arguments[0]), arguments[1:]
    certificate_file, key_file = folder / "tls.crt", folder / "tls.key"
    if certificate_file.exists() and key_file.exists():
        sys.stdout.write(f"There is a certificate in {folder}; it stays.\n")
        return 0
    certificate, key = make_certificate(names, now=datetime.now(UTC))
    # The key first and the certificate last: whoever sees the certificate finds its key.
    _write(key_file, key, mode=0o600)
    _write(certificate_file, certificate, mode=0o644)
    sys.stdout.write(f"Made a self-signed certificate for {', '.join(names)} in {folder}.\n")
    return 0


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    beside = path.with_suffix(path.suffix + ".new")
    beside.touch(mode=mode)
    beside.chmod(mode)
    beside.write_bytes(content)
    os.replace(beside, path)  # noqa: PTH105  one rename, whole or not at all


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
