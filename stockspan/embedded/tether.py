"""A command that does not outlive its starter: `python tether.py SIGNAL PARENT COMMAND …`.

Run as a script of its own between fork and exec, so that no Python code runs in a forked
copy of a process with threads. The kernel sends SIGNAL to COMMAND when PARENT ends, however
it ends. Linux only: elsewhere the command is started without it (see `child`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie, check that the parent has not ended before we were tied, and become the command."""
    death_signal, parent, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    # Python ignores these two, and what is ignored stays ignored across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
