"""The peer of the bulk load: ready RESP bytes through a socket, replies counted.

This is what `redis-cli --pipe` does, without its start-up: the bytes are made beforehand and not
part of the time.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

import hiredis


def command(*arguments: bytes) -> bytes:
    """One command as it goes over the wire."""
    parts = [b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments]
    return b"*%d\r\n" % len(arguments) + b"".join(parts)


def _send(link: socket.socket, blocks: Iterable[bytes]) -> None:
    for block in blocks:
        link.sendall(block)


def pipe(url: str, blocks: Iterable[bytes], commands: int) -> float:
    """Seconds from the first byte sent to the last reply read.

    Raises:
        RuntimeError: a command was refused.
    """
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port)) as link:
        link.sendall(command(b"AUTH", unquote(address.password or "").encode()))
        link.recv(64)
        began = time.perf_counter()
        sender = threading.Thread(target=_send, args=(link, blocks))
        sender.start()
        reader = hiredis.Reader()
        answered = 0
        while answered < commands:
            reply = reader.gets()
            if reply is False:
                reader.feed(link.recv(1 << 18))
            elif isinstance(reply, Exception):
                raise RuntimeError(str(reply))
            else:
                answered += 1
        took = time.perf_counter() - began
        sender.join()
        return took
