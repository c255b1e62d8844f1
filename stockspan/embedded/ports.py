"""Free TCP ports on 127.0.0.1."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"

# Below the range from which Linux (32768) and macOS (49152) take the ports of outgoing
# connections: a port found free here is not handed to somebody's connect() before we bind it.
_CANDIDATES = range(20_000, 32_000)
_ATTEMPTS = 200


def free_port() -> int:
    """A port that nobody listens on now."""
    for candidate in random.sample(_CANDIDATES, _ATTEMPTS):
        if is_free(candidate):
            return candidate
    raise OSError(f"no free port among {_ATTEMPTS} tried on {HOST}")


def is_free(port: int) -> bool:
    """True when `port` can be bound the way a server would."""
    return why_taken(port) is None


def why_taken(port: int) -> str | None:
    """Why `port` cannot be bound, in the system's words; None when it can.

    A port in TIME_WAIT counts as free: servers take it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
        return None
