"""The words `stockspan snapshot save` and `stockspan snapshot restore`."""

from __future__ import annotations

import sys
from typing import Annotated, Final

from cyclopts import App, Parameter

from gateway.observability.logs import configure_logs
from stockspan.invocation import Config, run, settings_of

File = Annotated[str, Parameter(allow_leading_hyphen=True)]

app: Final = App(name="snapshot", help="Save what the store holds, and restore it.")


@app.command
def save(file: File, *, config: Config = None) -> int:
    """Write all that the feeds have brought into the store to a file.

    Parameters
    ----------
    file
        Where to; `-` is standard output. A file of that name is replaced when the new one is whole.
    """
    from stockspan import snapshots

    configure_logs()
    said = run(snapshots.save(settings_of(config), file))
    print(said, file=sys.stderr if file == snapshots.STANDARD else sys.stdout)
    return 0


@app.command
def restore(file: File, *, config: Config = None, merge: bool = False) -> int:
    """Warm an empty store from such a file, without the ERP: as old as it was, never fresher.

    Parameters
    ----------
    file
        Where from; `-` is standard input.
    merge
        Restore into a store that is not empty; what it holds that is newer stays.
    """
    from stockspan import snapshots

    configure_logs()
    print(run(snapshots.restore(settings_of(config), file, merge=merge)))
    return 0
