"""Who calls the ERP is seen: a connection is counted by the process that made it."""

from __future__ import annotations

import asyncio
import os

from stockspan.embedded.ports import HOST
from tests.faults.callers import UNKNOWN, Callers
from tests.faults.proxy import FaultProxy


class Ours:
    name = "gateway-1"
    pid = os.getpid()


async def test_a_call_is_counted_by_whose_it_is() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)
    callers = Callers([Ours()])
    async with server, FaultProxy(HOST, server.sockets[0].getsockname()[1]) as line:
        line.noted = callers.note
        reader, writer = await asyncio.open_connection(HOST, line.port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    assert callers.counts == {"gateway-1": 1}
    callers.note(1)
    assert callers.counts[UNKNOWN] == 1
