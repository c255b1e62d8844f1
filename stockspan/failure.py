"""What ends a command before its time."""

from __future__ import annotations


class Failure(Exception):
    """One line for the person at the keyboard; the command ends with exit 1."""
