"""An address is held from the first socket to the last, and nobody else comes in between."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from stockspan.failure import Failure
from stockspan.workers.port import Port, close, free


@pytest.fixture
def port() -> Iterator[Port]:
    claimed = Port("127.0.0.1", 0)
    yield claimed
    claimed.close()


def connects(number: int) -> int:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", number))


def test_it_is_held_while_nobody_listens(port: Port) -> None:
    assert connects(port.number) == errno.ECONNREFUSED
    with pytest.raises(Failure, match=f"cannot listen on 127.0.0.1:{port.number} "):
        free("127.0.0.1", port.number)
    with pytest.raises(Failure, match="Address already in use"):
        Port("127.0.0.1", port.number)


def test_sockets_take_part_when_they_listen(port: Port) -> None:
    for _ in range(2):
        (one,), (other,) = port.sockets(), port.sockets()
        assert connects(port.number) == errno.ECONNREFUSED
        one.listen()
        other.listen()
        one.close()
        assert connects(port.number) == 0
        other.close()
        assert connects(port.number) == errno.ECONNREFUSED


def test_it_can_be_had_again_at_once_after_connections(port: Port) -> None:
    (one,) = port.sockets()
    one.listen()
    with socket.create_connection(("127.0.0.1", port.number)) as asking:
        answering = one.accept()[0]
        # Who closes first keeps the port waiting.
        answering.close()
        assert asking.recv(1) == b""
    one.close()
    port.close()
    again = Port("127.0.0.1", port.number)
    close(again.sockets())
    again.close()


def test_every_address_of_a_host_has_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))
        for address in ("127.0.0.1", "127.0.0.2", "203.0.113.1")
    ]

    def resolved(*_: object, **__: object) -> object:
        number = numbers.pop()
        return [(*one[:4], (one[4][0], number)) for one in found]

    numbers = [0]
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    number = free("shop.example", 0)
    numbers.extend([number, number])
    port = Port("shop.example", number)
    sockets = port.sockets()
    # The last is none of this machine's.
    assert [one.getsockname() for one in sockets] == [("127.0.0.1", number), ("127.0.0.2", number)]
    close(sockets)
    port.close()
