"""Single key presses in the demo's terminal; none where it is not in the foreground of one."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def has_keyboard() -> bool:
    """Whether somebody could press keys here: in the background, asking would stop the demo."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


@contextmanager
def keys(pressed: Callable[[str], None]) -> Iterator[None]:
    """Hand every key to `pressed` while the context lasts; Ctrl-C stays a signal."""
    if not has_keyboard():
        yield
        return
    terminal = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(terminal)

    def readable() -> None:
        given = os.read(terminal, 64)
        if not given:  # the terminal is gone
            loop.remove_reader(terminal)
        for key in given.decode(errors="replace"):
            pressed(key)

    tty.setcbreak(terminal)
    loop.add_reader(terminal, readable)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
