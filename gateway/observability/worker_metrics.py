"""The metrics of several workers as one text, each sample with the number of its worker.

Prometheus wants all samples of a metric together, below one line that says what it is; so what
several have told is sorted by metric again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_UP: Final = (
    b"# HELP stockspan_worker_up Whether a worker of this address answers: 1 or 0.\n"
    b"# TYPE stockspan_worker_up gauge\n"
)
_ABOUT: Final = (b"# HELP ", b"# TYPE ")


def merged(texts: Mapping[int, bytes | None]) -> bytes:
    """What each worker told, by its number; None: it did not answer."""
    up = b"".join(
        b'stockspan_worker_up{worker="%d"} %d.0\n' % (worker, text is not None)
        for worker, text in texts.items()
    )
    # Of each metric what is said about it, and its samples.
    metrics: dict[bytes, tuple[dict[bytes, bytes], list[bytes]]] = {}
    for worker, text in texts.items():
        told = metrics.setdefault(b"", ({}, []))
        for line in (text or b"").split(b"\n"):
            if line.startswith(_ABOUT):
                what, name = line.split(b" ", 3)[1:3]
                told = metrics.setdefault(name, ({}, []))
                # Workers of two versions may say it in other words.
                told[0].setdefault(what, line)
            elif line and not line.startswith(b"#"):
                told[1].append(_of_worker(line, worker))
    lines = [line for about, samples in metrics.values() for line in (*about.values(), *samples)]
    return _UP + up + b"".join(line + b"\n" for line in lines)


def _of_worker(sample: bytes, worker: int) -> bytes:
    """The sample with one label more, which comes first."""
    # A metric's name has neither a brace nor a space; a label's value may have both.
    end = min(place for place in (sample.find(b"{"), sample.find(b" ")) if place >= 0)
    name, rest = sample[:end], sample[end:]
    if rest.startswith(b"{"):
        return b'%b{worker="%d",%b' % (name, worker, rest[1:])
    return b'%b{worker="%d"}%b' % (name, worker, rest)
