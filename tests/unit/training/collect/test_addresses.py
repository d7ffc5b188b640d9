"""Nothing private is spoken to, however it is written."""

import socket

import pytest

from training.collect.addresses import AddressRule, BlockedAddressError, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse, not one to listen at
        "192.0.0.8",
        "192.88.99.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::127.0.0.1",
        "fe80::1%eth0",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "not an address",
    ],
)
def test_private_addresses_are_private(address: str) -> None:
    """Addresses of this machine, its network, its cloud and of no one are not public, also within IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_public(address: str) -> None:
    """What the whole Internet can reach may be asked."""
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "::1", "::ffff:7f00:1"]
)
def test_other_spellings_of_this_machine_are_blocked(host: str) -> None:
    """What counts is what the name resolves to."""
    with pytest.raises(BlockedAddressError, match="no public address"):
        AddressRule().addresses_of(host, 80)


def test_one_private_address_among_public_ones_blocks_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to both is a trick."""
    answers = [(0, 0, 0, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: answers)

    with pytest.raises(BlockedAddressError, match=r"10\.0\.0\.1"):
        AddressRule().addresses_of("both.example", 80)


def test_a_trusted_host_is_trusted_on_its_port_alone() -> None:
    """The API that the user named may be local; its neighbours are not."""
    rule = AddressRule(trusted=frozenset({("127.0.0.1", 8080)}))

    assert rule.addresses_of("127.0.0.1", 8080) == ["127.0.0.1"]
    with pytest.raises(BlockedAddressError):
        rule.addresses_of("127.0.0.1", 6379)


def test_private_addresses_can_be_allowed() -> None:
    """Who asks for it may collect from his own network."""
    assert AddressRule(allow_private=True).addresses_of("127.0.0.1", 80) == ["127.0.0.1"]
