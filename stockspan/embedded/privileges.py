"""Root's way to run PostgreSQL, which refuses to run as root.

The command runs as an ordinary user (the owner of its data folder, `nobody` for a new one)
who keeps one capability, CAP_DAC_OVERRIDE: the folders above, such as /root or pytest's own
with mode 0700, stay closed to others and are never changed, and the server still reaches its data
and its binaries. For everybody but root the command stays as it is.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Final, NamedTuple

from stockspan.embedded.errors import ServerNotInstalled

_NOBODY: Final = 65_534
_NEEDED: Final = {"CHOWN": 0, "DAC_OVERRIDE": 1, "SETGID": 6, "SETUID": 7}


class Owner(NamedTuple):
    """A user and its group, by number."""

    uid: int
    gid: int


def owner_for(folder: Path) -> Owner:
    """Who runs a server whose data is in `folder`: its owner, unless that is root."""
    status = folder.stat()
    if os.geteuid() != 0 or status.st_uid != 0:
        return Owner(status.st_uid, status.st_gid)
    return Owner(_NOBODY, _NOBODY)


def unprivileged(
    command: list[str], folder: Path, death_signal: signal.Signals | None = None
) -> list[str]:
    """`command` as the owner of its data `folder` runs it, by setpriv when we are root.

    `death_signal` is said again here, since a change of user clears it. Raises
    ServerNotInstalled when root lacks setpriv or the permission to become that user.
    """
    if os.geteuid() != 0:
        return command
    setpriv = _setpriv()
    owner = owner_for(folder)
    keep = ["--no-new-privs", "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
    become = [f"--reuid={owner.uid}", f"--regid={owner.gid}", "--clear-groups"]
    tie = [f"--pdeathsig={death_signal.name.removeprefix('SIG')}"] if death_signal else []
    return [setpriv, *become, *keep, *tie, "--", *command]


def _setpriv() -> str:
    found = shutil.which("setpriv")
    if found is None:
        raise ServerNotInstalled(
            "PostgreSQL does not run as root, and setpriv, which would change the user, is missing",
            "run this as an ordinary user, or install the package util-linux",
        )
    if lacking := _lacking_capabilities():
        raise ServerNotInstalled(
            "PostgreSQL does not run as root, and this root may not change the user "
            f"(lacks {', '.join(f'CAP_{name}' for name in lacking)})",
            "run this as an ordinary user, or give the container those capabilities",
        )
    return found


def _lacking_capabilities() -> list[str]:
    held = 0
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
    return [name for name, bit in _NEEDED.items() if not held & (1 << bit)]
