"""Decides which hosts may be spoken to: no private address, whatever a name resolves to."""

import ipaddress
import socket
from dataclasses import dataclass

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Behind a NAT64 gateway the last four bytes are an IPv4 address; the others never leave one network or are out of use.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_NEVER_PUBLIC = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("fec0::/10"),
)


class BlockedAddressError(Exception):
    """The host is private, or cannot be named: nothing was sent to it."""


@dataclass(frozen=True)
class AddressRule:
    """Which hosts may be spoken to.

    Args:
        allow_private: also those that only this machine or its network can reach.
        trusted: (host, port) pairs that may be private, such as the API that the user named.
    """

    allow_private: bool = False
    trusted: frozenset[tuple[str, int]] = frozenset()

    def addresses_of(self, host: str, port: int) -> list[str]:
        """The addresses to connect to, looked up once, so that a name cannot change its mind afterwards.

        Raises:
            BlockedAddressError: one of them is private, or the name means nothing.
            OSError: the name cannot be looked up just now.
        """
        found = _look_up(host, port)
        if self.allow_private or (host, port) in self.trusted:
            return found
        hidden = [address for address in found if not is_public(address)]
        if hidden:
            raise BlockedAddressError(f"{host} is {hidden[0]}, which is no public address")
        return found


def is_public(address: str) -> bool:
    """Whether an address can be reached from the whole Internet, also when it is written within an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _embedded(parsed)
    if inner is not None:
        return is_public(str(inner))
    if any(parsed.version == net.version and parsed in net for net in _NEVER_PUBLIC):
        return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _embedded(address: IPAddress) -> IPAddress | None:
    """The IPv4 address that an IPv6 address stands for, None where it stands for itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if any(address in net for net in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _look_up(host: str, port: int) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise BlockedAddressError(f"{host!r} is no name of a host") from error
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
