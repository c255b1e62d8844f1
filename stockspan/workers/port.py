"""The address that workers share: claimed for as long as this process lives."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Any

from stockspan.failure import Failure

_Where = tuple[int, Any]
"""A family, and an address as sockets of it have them."""


class Port:
    """A port that workers share.

    A socket that is bound to it and never listens holds it, whatever becomes of the workers.
    """

    def __init__(self, host: str, number: int) -> None:
        """Claim it; 0 is a free one.

        Raises:
            Failure: it is in use, or not allowed.
        """
        self.number = free(host, number)
        self._where = _resolved(host, self.number)
        self._anchors = self.sockets()
        for anchor in self._anchors:
            # Whoever else binds it says that it may be used again, as every server does; that was
            # needed to bind it, and is taken back.
            anchor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def sockets(self) -> Sequence[socket.socket]:
        """New sockets, one for each address of the host: connections come once they listen.

        Raises:
            Failure: none can be bound.
        """
        bound: list[socket.socket] = []
        for family, address in self._where:
            try:
                bound.append(_bound(family, address))
            except OSError as error:
                # A host may have a name in a family of addresses that is not in use here.
                if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT} and self._where[1:]:
                    continue
                close(bound)
                raise taken(address[0], self.number, error) from None
        return bound

    def close(self) -> None:
        """Let others have it."""
        close(self._anchors)


def free(host: str, port: int) -> int:
    """The port, known to be free: workers share it with whoever else would, so ask first.

    Raises:
        Failure: it is in use, or not allowed.
    """
    try:
        family, address = _resolved(host, port)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            number: int = probe.getsockname()[1]
            return number
    except OSError as error:
        raise taken(host, port, error) from None


def taken(host: str, port: int, error: OSError) -> Failure:
    """What to say of an address that cannot be had."""
    return Failure(f"gateway.port: cannot listen on {host}:{port} ({error.strerror or error})")


def close(sockets: Sequence[socket.socket]) -> None:
    """Close them all."""
    for one in sockets:
        one.close()


def _resolved(host: str, port: int) -> Sequence[_Where]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))


def _bound(family: int, address: Any) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except BaseException:
        one.close()
        raise
    return one
