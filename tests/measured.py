"""Results as benchmarks leave them, made up: some figures held, some not, some not measured."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.results import Results


def spread(median: float, by: float = 0.1) -> dict[str, float]:
    return {"median": median, "least": median * (1 - by), "greatest": median * (1 + by)}


def _ratio(median: float, bound: float) -> dict[str, float]:
    return {"bound": bound, **spread(median)}


def _line(name: str, *points: tuple[float, float]) -> dict[str, Any]:
    return {"name": name, "points": [{"x": x, **spread(y)} for x, y in points]}


def _axis(label: str, *, logarithmic: bool) -> dict[str, Any]:
    return {"label": label, "logarithmic": logarithmic}


_CURVES: Final = [
    {
        "title": "SKUs a request",
        "x": _axis("SKUs a request", logarithmic=True),
        "y": _axis("badges a second", logarithmic=True),
        "lines": [
            _line("addresses (GET)", (1, 41_250.5), (10, 251_000.7), (200, 903_123.0)),
            _line("bodies (POST)", (1, 9_031.25), (50, 311_002.0), (1_000, 1_201_003.5)),
        ],
        "note": "1,000 SKUs in demand, all of them kept.",
    },
    {
        "title": "Connections",
        "x": _axis("connections", logarithmic=True),
        "y": _axis("requests a second", logarithmic=False),
        "lines": [
            _line("gateway", (1, 20_117.0), (32, 51_223.0), (2_000, 44_871.0)),
            _line("aiohttp, constant body", (1, 15_333.0), (32, 36_001.0), (2_000, 30_077.0)),
        ],
        "note": "",
    },
    {
        "title": "Workers",
        "x": _axis("workers", logarithmic=False),
        "y": _axis("requests a second", logarithmic=False),
        "lines": [_line("gateway", (1, 50_021.0), (2, 71_937.0))],
        "note": "",
    },
]

_RATES: Final = [
    {
        "name": "a badge of a thousand in demand",
        "unit": "requests/s",
        "bars": [
            {"name": "gateway", **spread(51_234.5)},
            {"name": "aiohttp, constant body", **spread(36_543.25)},
            {"name": "FastAPI + redis-py, GET", **spread(5_876.5)},
            {"name": "Valkey alone, pipelined GET", **spread(1_203_456.0)},
        ],
    }
]

_MACHINE: Final = {
    "python": "3.11.7",
    "processor": "Some Processor 9000",
    "cores": 2,
    "memory_gib": 23.4,
    "quick": False,
}

RESULTS: Final[Results] = {
    "badges": {
        "at": "2026-11-30T12:34:56+00:00",
        **_MACHINE,
        "rounds": 7,
        "rates": _RATES,
        "hot_to_constant": _ratio(1.402, 1.3),
        "hot_to_peer": _ratio(8.72, 8),
        "many_to_peer_many": _ratio(28.5, 6),
        "cold_to_peer_cold": _ratio(2.51, 3),
    },
    "curves": {
        "at": "2026-11-30T12:40:00+00:00",
        **_MACHINE,
        "curves": _CURVES,
    },
    "near_cache": {
        "at": "2026-11-30T12:20:00+00:00",
        **_MACHINE,
        "change_to_publish": _ratio(7.54, 10),
        "bytes_per_answer": {"bound": 600, "median": 1108.0, "least": 1108.0, "greatest": 1108.0},
    },
    "confirmations": {"calls": [2, 3, 5], "most_calls": 5, "quick": False},
    "memory": {"with product": 218.9, "bound": 250, "quick": False},
    "prices": {
        "bounds": {"constant": 0.12},
        "catalogue": {"constant_ratio": spread(0.0471)},
        "quick": False,
    },
}
