"""`python -m stockspan` is the command `stockspan`."""

from __future__ import annotations

from stockspan.command import main

if __name__ == "__main__":
    main()
