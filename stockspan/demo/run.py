"""`stockspan demo`: starts everything on this machine, watches it, ends it with itself.

    Valkey, PostgreSQL ──▶ sample ERP ──▶ line ──▶ loaders, gateway ──▶ shop page ──▶ demo.json
                           till, clerk

`run_demo` is synchronous; it owns the main thread (the children are tethered to it) and an
event loop of its own. The servers and the two halves of Stockspan are child processes, started
again when they die; the till, the clerk and the shop run here.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from stockspan.demo.access import kept_secrets
from stockspan.demo.databases import ensure_database
from stockspan.demo.erp_line import Condition, ErpLine, open_line
from stockspan.demo.folder import DataFolder, open_folder
from stockspan.demo.keyboard import keys
from stockspan.demo.program import Program
from stockspan.demo.readiness import gateway_ready, push_ready
from stockspan.demo.report import Facts, Sample, tell
from stockspan.demo.sample_erp.clerk import Clerk
from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE, open_erp
from stockspan.demo.sample_erp.load import ensure_sample_erp
from stockspan.demo.sample_erp.till import Till
from stockspan.demo.settings import Addresses, demo_settings
from stockspan.demo.shop.cart import Cart
from stockspan.demo.shop.checkout import GatewayCheckout
from stockspan.demo.shop.figures import Figures
from stockspan.demo.shop.gateway import open_gateway
from stockspan.demo.shop.line import LineSwitch
from stockspan.demo.shop.order_desk import OrderDesk
from stockspan.demo.shop.prices import GatewayPrices
from stockspan.demo.shop.reservations import GatewayReservations
from stockspan.demo.shop.server import Shop, serve_shop
from stockspan.demo.supervisor import Supervisor
from stockspan.embedded.errors import EmbeddedServerError
from stockspan.embedded.ports import HOST, free_port, why_taken
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.private_file import write_private
from stockspan.embedded.valkey import EmbeddedValkey
from stockspan.failure import Failure

_SAMPLE_SKUS: Final = 200
_SAMPLE_CUSTOMERS: Final = 30
_LAST_SALE_SECONDS: Final = 2.0
_PORTS: Final = range(65_536)
_SWITCH_KEY: Final = "e"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_demo(*, port: int, workers: int, data_dir: Path | None, empty: bool) -> int:
    """Run the demo until SIGINT, SIGTERM or SIGHUP; then 0. `port` 0 takes a free one.

    Raises:
        Failure: it cannot start; one line says why. Nothing is left running.
    """
    if port not in _PORTS:
        raise Failure(f"--port {port}: must be 0 to {_PORTS[-1]}")
    if workers < 1:
        raise Failure(f"--workers {workers}: must be at least 1")
    if port and (reason := why_taken(port)):
        raise Failure(f"--port {port}: cannot listen on {HOST}:{port} ({reason})")
    with open_folder(data_dir) as folder:
        demo = _Demo(folder, port or free_port(), workers, empty=empty)
        try:
            asyncio.run(demo.run())
        except EmbeddedServerError as error:
            raise Failure(_in_one_line(error)) from None
        except ERP_UNREACHABLE as error:  # with every OSError among them: a full disk, say
            raise Failure(f"the demo cannot go on: {error}") from None
    return 0


class _Demo:
    """One run of it."""

    def __init__(self, folder: DataFolder, port: int, workers: int, *, empty: bool) -> None:
        self._folder = folder
        self._workers = workers
        self._empty = empty
        self._console = Console(highlight=False, soft_wrap=True)
        self._shutdown = asyncio.Event()
        self._supervisor = Supervisor(self._console.print)
        self._port = port
        self._valkey = EmbeddedValkey(folder.valkey)
        self._postgres = EmbeddedPostgres(folder.postgres)
        self._secrets = kept_secrets(folder)
        self._line: ErpLine | None = None
        self._turning: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start, tell, watch until told to end; whatever happens, end everything."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._asked_to_end)
        try:
            async with AsyncExitStack() as stack:
                facts = await self._or_shutdown(self._start(stack))
                if facts is not None:
                    self._folder.announce(facts.as_json())
                    tell(self._console, facts)
                    with keys(self._pressed):
                        await self._supervisor.watch(self._shutdown)
                    self._console.print("Stopping …")
                self._folder.withdraw()
        finally:
            await self._supervisor.stop()

    def _asked_to_end(self) -> None:
        if self._shutdown.is_set():  # asked twice: somebody is in a hurry
            self._supervisor.kill()
        self._shutdown.set()

    def _pressed(self, key: str) -> None:
        if key.lower() == _SWITCH_KEY and self._line is not None:
            turning = asyncio.ensure_future(self._turn(self._line))
            self._turning.add(turning)
            turning.add_done_callback(self._turning.discard)

    async def _turn(self, line: ErpLine) -> None:
        try:
            up = line.state.condition is Condition.UP
            await line.turn(Condition.DOWN if up else Condition.UP)
        except OSError as error:
            self._console.print(f"The line to the ERP cannot be mended: {error}")
        else:
            became = "is cut; press e to mend it" if up else "holds again"
            self._console.print(f"The line to the ERP {became}")

    async def _start(self, stack: AsyncExitStack) -> Facts:
        self._console.print("Starting Valkey and PostgreSQL …")
        self._postgres.prepare()
        await self._supervisor.start(self._valkey, self._postgres)
        erp_dsn = None if self._empty else await self._sample_erp()
        if erp_dsn is not None:
            self._line = await stack.enter_async_context(open_line(erp_dsn))
        addresses = Addresses(
            host=HOST,
            port=self._port,
            push_port=free_port(),
            valkey_url=self._valkey.url,
            ledger_dsn=await self._ledger(),
            erp_dsn=erp_dsn,
            line_dsn=None if self._line is None else self._line.dsn,
        )
        text = demo_settings(addresses, self._secrets, self._workers, self._folder.spool)
        write_private(self._folder.settings, text)
        self._console.print("Starting the loaders and the gateway …")
        loaders = Program("Loaders", "load", self._folder)
        gateway = Program("Gateway", "serve", self._folder)
        await self._supervisor.start(loaders, gateway)
        if self._line is None or erp_dsn is None:
            await gateway_ready(addresses.gateway + "/livez", loaders, gateway)
            await push_ready(addresses.host, addresses.push_port, loaders, gateway)
            return Facts(self._folder, addresses, self._secrets)
        sample = await self._open_shop(stack, erp_dsn, self._line, addresses.gateway)
        await gateway_ready(addresses.gateway + "/readyz", loaders, gateway)
        await push_ready(addresses.host, addresses.push_port, loaders, gateway)
        return Facts(self._folder, addresses, self._secrets, sample)

    async def _ledger(self) -> str:
        dsn = self._postgres.dsn("ledger")
        await ensure_database(self._postgres.dsn(), dsn)
        return dsn

    async def _sample_erp(self) -> str:
        self._console.print("Filling the sample ERP …")
        dsn = self._postgres.dsn("erp")
        await ensure_sample_erp(self._postgres.dsn(), dsn, datetime.now(UTC).date())
        return dsn

    async def _open_shop(
        self, stack: AsyncExitStack, dsn: str, line: ErpLine, gateway: str
    ) -> Sample:
        opening = self._secrets.keys
        erp = await stack.enter_async_context(open_erp(dsn))
        distant = await stack.enter_async_context(open_erp(line.dsn))
        seeing = await stack.enter_async_context(open_gateway(gateway, opening["all"]))
        promising = await stack.enter_async_context(open_gateway(gateway, opening["checkout"]))
        desk = OrderDesk(GatewayReservations(promising), distant.orders, lambda: datetime.now(UTC))
        cart = Cart(desk, Figures(distant.orders, desk, seeing), GatewayCheckout(promising))
        pages = Shop(erp, distant, LineSwitch(line), GatewayPrices(seeing), cart, gateway)
        shop = await stack.enter_async_context(serve_shop(pages, HOST, free_port()))
        # Chance without secrecy: who buys what, and how long a clerk takes.
        for worker in (Till(erp, random.Random()), Clerk(erp.orders, random.Random()), desk):
            working = asyncio.create_task(worker.run(self._shutdown))
            stack.push_async_callback(_finish, working, self._shutdown)
        return Sample(
            skus=await erp.sample_skus(_SAMPLE_SKUS),
            customers=await erp.sample_customers(_SAMPLE_CUSTOMERS),
            shop=shop,
            psql=self._postgres.psql_line("erp"),
        )

    async def _or_shutdown(self, starting: Awaitable[Facts]) -> Facts | None:
        task = asyncio.ensure_future(starting)
        asked = asyncio.create_task(self._shutdown.wait())
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            return await task if task.done() else None
        finally:
            for waiting in (task, asked):
                waiting.cancel()
            await asyncio.gather(task, asked, return_exceptions=True)


async def _finish(task: asyncio.Task[None], shutdown: asyncio.Event) -> None:
    shutdown.set()
    # A sale that hangs, because the database does, is given up.
    with suppress(TimeoutError):
        await asyncio.wait_for(task, _LAST_SALE_SECONDS)


def _in_one_line(error: EmbeddedServerError) -> str:
    last = error.detail.strip().splitlines()[-1:]
    return ": ".join([error.summary, *last])
