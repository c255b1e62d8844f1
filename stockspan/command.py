"""The command `stockspan`: reads its words and settings, wires the parts, runs them.

A wrong word is one line on stderr and exit 2; anything else that goes wrong is one line and
exit 1. Nothing below this module reads settings from a file or the environment.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from gateway.config.file import SettingsError, check_key, find_file, load_settings
from gateway.domain.errors import LedgerUnavailableError, StockspanError, StoreUnavailableError
from gateway.domain.reservations import State
from gateway.observability.events import EventKind, Severity
from gateway.observability.logs import configure_logs
from gateway.services.event_lookups import AS_SHIPPED, MOST, EventFilter
from stockspan import feed_commands, serve_commands, snapshot_commands
from stockspan.failure import Failure
from stockspan.invocation import Config, run
from stockspan.signals import stopping
from stockspan.traced import traced

app: Final = App(
    name="stockspan",
    help="Stock and customer prices in real time, and the shop keeps selling when the ERP is down.",
    version_flags=["--version"],
)
keys: Final = App(name="keys", help="API keys.")
promises: Final = App(name="reservations", help="Look at reservations, and verify them.")
app.command(feed_commands.app)
app.command(promises)
app.command(keys)
app.command(snapshot_commands.app)
app.command(serve_commands.serve)
app.command(serve_commands.worker, show=False)


@app.command
def demo(
    *, port: int = 8080, workers: int = 1, data_dir: Path | None = None, empty: bool = False
) -> int:
    """Try it: real Valkey, real PostgreSQL as a sample ERP, loaders, gateway and a sample shop.

    Parameters
    ----------
    port
        Where the gateway listens, on 127.0.0.1.
    workers
        Gateway processes.
    data_dir
        Keep everything here, and go on from it next time; else a folder that is removed again.
    empty
        No sample ERP: one channel `default`, data comes by push.
    """
    # The servers of the demo are an extra: everything else must run without them.
    from stockspan.demo.run import run_demo

    return run_demo(port=port, workers=workers, data_dir=data_dir, empty=empty)


@app.command
def load(*, config: Config = None, once: bool = False) -> int:
    """Run the loaders: keep Redis warm from the configured feeds, and take pushes.

    Parameters
    ----------
    once
        Take one snapshot of each feed, then end.
    """
    from loaders.load import load as run_loaders

    configure_logs()
    settings = load_settings(find_file(config, os.environ))
    if not settings.feeds and (once or settings.push is None):
        raise Failure(
            "nothing to load: the settings have no feeds" + ("" if once else " and no push")
        )

    async def running() -> int:
        return await run_loaders(settings, once=once, shutdown=stopping())

    with traced(settings):
        return run(running())


@app.command
def check(*, config: Config = None, live: bool = False) -> int:
    """Look at the settings, the store, the ledger and the sources, and say what is wrong.

    Parameters
    ----------
    live
        Read the first ten rows of every feed, and show what would be taken over of them;
        nothing is written.
    """
    from gateway.wiring.token_keys import require_token_keys
    from loaders.load import check as check_all
    from loaders.load import trials as try_feeds
    from stockspan import reservations, trials

    path = find_file(config, os.environ)
    settings = load_settings(path)
    require_token_keys(settings)
    found = run(check_all(settings, sources=not live))
    for line in found.remarks:
        print(line)
    problems = [*found.problems, *run(reservations.problems(settings))]
    for trial in run(try_feeds(settings)) if live else ():
        print(*trials.lines(trial), sep="\n")
        if (problem := trials.problem(trial)) is not None:
            problems.append(problem)
    for line in problems:
        print(line, file=sys.stderr)
    if problems:
        return 1
    print(f"{path or 'settings'}: good")
    return 0


@app.command
def journal(
    *,
    config: Config = None,
    kind: EventKind | None = None,
    severity: Severity | None = None,
    since: str | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=MOST))] = AS_SHIPPED,
) -> int:
    """Show what happened, the newest first.

    Parameters
    ----------
    kind
        Only events of this kind.
    severity
        Only events that are at least so grave.
    since
        Only events since then: 30m, 2h, 7d, or a moment such as 2026-11-21T10:00:00Z.
    limit
        How many at most.
    """
    from stockspan import journal as events

    wanted = EventFilter(kind, severity, events.since_ms(since), limit)
    settings = load_settings(find_file(config, os.environ))
    _show(run(events.shown(settings, wanted)))
    return 0


@promises.command(name="list")
def list_reservations(
    *,
    config: Config = None,
    state: State | None = None,
    unacknowledged: bool = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 100,
) -> int:
    """Show reservations, the newest first.

    Parameters
    ----------
    state
        Only those in this state.
    unacknowledged
        Only orders that the ERP has not acknowledged, the oldest first.
    limit
        How many at most.
    """
    from stockspan import reservations

    settings = load_settings(find_file(config, os.environ))
    if unacknowledged:
        table, late = run(reservations.unacknowledged(settings, limit))
        _show(table)
        if late:
            within = f"{settings.reservations.acknowledge_within:g} s"
            print(f"{late} not acknowledged within {within} (reservations.acknowledge_within)")
        return 0
    _show(run(reservations.listed(settings, state, limit)))
    return 0


@promises.command
def verify(*, config: Config = None, repair: bool = False) -> int:
    """Hold what the store has against what the ledger promised; exit 1 where they differ.

    Parameters
    ----------
    repair
        Make the store hold what the ledger says.
    """
    from stockspan import reservations

    settings = load_settings(find_file(config, os.environ))
    verified = run(reservations.verify(settings, repair=repair))
    found = verified.report.differences
    if found:
        _show(reservations.differences_table(found))
    said = f"{verified.report.open} open reservations, {len(found)} differences"
    if repair and found:
        said += f", {len(found) - len(verified.left)} put right"
    print(said)
    return 1 if verified.left else 0


@keys.command
def create(name: str, *scopes: str) -> int:
    """Make an API key: shows the secret once, and what to write into the settings.

    Parameters
    ----------
    name
        What to call it.
    scopes
        What it opens: stock:exact prices:any checkout explain ops ingest.
    """
    secret = secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    check_key(name, {"sha256": digest, "scopes": scopes})
    listed = ", ".join(f'"{scope}"' for scope in scopes)
    print(f"# Give this to the caller; it is shown only once: {secret}")
    print(f'[keys.{name}]\nsha256 = "{digest}"\nscopes = [{listed}]')
    return 0


def main() -> NoReturn:
    """Run the command and end the process."""
    sys.exit(_outcome())


def _outcome() -> int:
    try:
        result = app(exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _say(str(error), 2)
    except StoreUnavailableError as error:
        return _say(f"the store (store.url) cannot be used: {error}", 1)
    except LedgerUnavailableError as error:
        return _say(f"the ledger (ledger.dsn) cannot be used: {error}", 1)
    except (SettingsError, StockspanError, Failure) as error:
        return _say(str(error), 1)
    except KeyboardInterrupt:
        return 130
    return result if isinstance(result, int) else 0


def _say(text: str, code: int) -> int:
    line = " ".join(text.split())
    print(f"stockspan: {line}", file=sys.stderr)
    return code


def _show(table: Table) -> None:
    Console().print(table)
