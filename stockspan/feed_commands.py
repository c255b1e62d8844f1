"""The words `stockspan feed …`: look at the feeds, and say what is to become of their snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from gateway.store.feed_requests import Act
from stockspan import feeds, triggers
from stockspan.invocation import Config, run, settings_of

Wait = Annotated[
    float,
    Parameter(
        validator=Number(gt=0, lte=86_400), help="Seconds to wait for the loader that leads."
    ),
]

app: Final = App(
    name="feed", help="Look at the feeds, and say what is to become of their snapshots."
)


@app.command
def status(*, config: Config = None) -> int:
    """Show every feed: how old it is, how its last sync went; and which loader leads."""
    table, leads = run(feeds.status(settings_of(config)))
    Console().print(table)
    print(leads)
    return 0


@app.command
def release(name: str, *, config: Config = None, wait: Wait = 60.0) -> int:
    """Let a snapshot that the guard holds back take effect, as it was judged.

    Parameters
    ----------
    name
        The feed.
    """
    return _ask(Act.RELEASE, name, config, wait)


@app.command
def discard(name: str, *, config: Config = None, wait: Wait = 60.0) -> int:
    """Drop a snapshot that the guard holds back.

    Parameters
    ----------
    name
        The feed.
    """
    return _ask(Act.DISCARD, name, config, wait)


@app.command
def sync(name: str, *, config: Config = None, wait: Wait = 60.0) -> int:
    """Take a snapshot of a feed now.

    Parameters
    ----------
    name
        The feed.
    """
    return _ask(Act.SYNC, name, config, wait)


@app.command
def trigger(
    name: str | None = None,
    *,
    config: Config = None,
    user: str | None = None,
    notify: bool = True,
    remove: bool = False,
) -> int:
    """Print the SQL by which the ERP's database notes what changes, for feeds with an outbox.

    Parameters
    ----------
    name
        A feed; needed where several sources have such feeds. All feeds of its source are served.
    user
        The database's user that reads it; else the one in the source's dsn.
    notify
        Whether a change is told at once, by NOTIFY; else it waits until the feed looks.
    remove
        Print what removes it all.
    """
    settings = settings_of(config)
    print(triggers.sql(settings, name, user=user, notify=notify, remove=remove), end="")
    return 0


def _ask(act: Act, name: str, config: Path | None, wait: float) -> int:
    print(run(feeds.ask(settings_of(config), act, name, wait)))
    return 0
