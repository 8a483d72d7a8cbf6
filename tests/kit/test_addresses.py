"""Addresses: what one asker has of the network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.addresses import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("unknown", "unknown"),
        ("no:address", "no:address"),
    ],
)
def test_an_asker_is_an_ipv4_address_or_an_ipv6_network(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_all_addresses_of_a_customers_network_are_one_asker(address, host) -> None:
    other = type(address)(int(address) >> 64 << 64 | host)
    is_mapped = address.ipv4_mapped is not None or other.ipv4_mapped is not None
    assert is_mapped or network_of(str(address)) == network_of(str(other))


@given(st.text(max_size=300))
def test_whatever_was_sent_stays_short(address: str) -> None:
    assert len(network_of(address)) <= 64
