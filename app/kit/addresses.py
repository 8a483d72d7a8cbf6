"""Addresses of the network, as far as they tell one asker from another."""

from ipaddress import IPv6Address, IPv6Network

_LONGEST = 64
_PREFIX = 64


def network_of(address: str) -> str:
    """Return what one asker has of the network: an IPv4 address, or the /64 that every IPv6 customer is given.

    What is no address at all (`unknown`, the name of a socket) stays what it is, cut to a bounded length.
    """
    if ":" not in address:
        return address[:_LONGEST]
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address[:_LONGEST]
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), _PREFIX), strict=False))
