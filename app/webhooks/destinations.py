"""Where deliveries may go: to hosts of the public internet, by HTTPS (W1, W10). Pure; the resolver asks here too.

A merchant chooses the address and we call it from inside our own network, so an address of ours, of the machine itself
or of the cloud's metadata must not be reachable, in whichever way it is written.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

_PORTS = frozenset({443, 8443})
_URL_LENGTH = 500
_ODD = re.compile(r"[\x00-\x20\\\x7f]")
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Destinations:
    """What is allowed. `may_be_private` also allows hosts of our own network, plain HTTP and any port."""

    may_be_private: bool = False

    def refusal_of(self, text: str) -> str | None:
        """Return why an address may not be called, as a code; None when it may, as far as it can be told unresolved."""
        url = _parsed(text)
        if url is None or not url.host:
            return "not_an_address"
        if url.user is not None or url.password is not None:
            return "has_credentials"
        if url.scheme != "https" and not (self.may_be_private and url.scheme == "http"):
            return "not_https"
        if url.port not in _PORTS and not self.may_be_private:
            return "port_not_allowed"
        literal = _literal(url.host)
        return "not_public" if literal is not None and not self.allows(literal) else None

    def allows(self, address: str) -> bool:
        """Tell whether an IP address may be connected to."""
        return self.may_be_private or is_public(address)


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public internet, also when it is wrapped in another one."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (inner := _wrapped(ip)) is not None:
        ip = inner
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _parsed(text: str) -> URL | None:
    if len(text) > _URL_LENGTH or not text.isascii() or _ODD.search(text):
        return None
    try:
        url = URL(text)
        # Asked for once, because it is only then found out that a port is no number.
        _ = url.port
    except ValueError:
        return None
    return url if url.absolute and url.scheme else None


def _literal(host: str) -> str | None:
    """Return the IP address that a host is, None for a name; odd spellings are left to the resolver."""
    try:
        return str(ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        return None


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if isinstance(_NAT64, IPv6Network) and ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return None
