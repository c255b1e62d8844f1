"""`python -m benchmarks`: what is run, kept and made of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import badge_shop, readme, results, webdis
from tests.measured import RESULTS

Bench = Callable[..., int]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Runs the command with results of its own."""
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
        return command.main()

    return run


def _measuring(
    monkeypatch: pytest.MonkeyPatch, name: str, run: Callable[[Path, bool], dict[str, Any]]
) -> None:
    module = ModuleType(f"benchmarks.{name}")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_a_result_is_kept_with_its_circumstances_and_shown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _measuring(monkeypatch, "badges", lambda _, quick: {**RESULTS["badges"], "was_quick": quick})
    assert bench("badges") == 0
    told = json.loads((results.RESULTS / "badges.json").read_text("utf-8"))
    assert (told["was_quick"], told["quick"], told["rounds"]) == (False, False, 7)
    assert told.keys() >= {"processor", "cores", "memory_gib", "took_seconds", "load_before"}
    shown = capsys.readouterr().out
    assert "| a hot badge ÷ FastAPI + redis-py, GET" in shown
    assert "not measured: a hot badge ÷ webdis, GET" in shown
    assert "not run: memory, price_memory," in shown
    assert "8.72" in (results.RESULTS / "index.html").read_text("utf-8")


def test_what_was_measured_in_haste_lies_elsewhere(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _measuring(monkeypatch, "memory", lambda _, quick: {"was_quick": quick})
    assert bench("memory", "--quick") == 0
    assert [path.name for path in results.RESULTS.iterdir()] == ["quick"]
    told = results.read(results.RESULTS / "quick")["memory"]
    assert (told["was_quick"], told["quick"]) == (True, True)


def test_one_that_cannot_be_run_is_no_harm_to_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def impossible(_: Path, __: bool) -> dict[str, Any]:
        sys.exit("this needs two cores")

    _measuring(monkeypatch, "badges", impossible)
    _measuring(monkeypatch, "memory", lambda _, __: {"with product": 1.0, "bound": 250})
    assert bench("badges", "memory") == 1
    assert [*results.read(results.RESULTS)] == ["memory"]
    assert capsys.readouterr().err == "badges: this needs two cores\n"


def test_a_name_that_does_not_exist_is_said(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        bench("badgers")
    assert end.value.code == 2
    assert "badgers: no such benchmark; there are memory," in capsys.readouterr().err


def test_the_readme_is_written_from_full_runs_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = tmp_path / "README.md", tmp_path / "recorded.json"
    here[0].write_bytes(readme.README.read_bytes())
    monkeypatch.setattr(readme, "README", here[0])
    monkeypatch.setattr(readme, "RECORDED", here[1])
    for name, result in RESULTS.items():
        results.keep(name, result, quick=False)
    with pytest.raises(SystemExit, match="quick run"):
        bench("readme", "--quick")
    assert not here[1].exists()
    assert bench("readme") == 0
    text = here[0].read_text("utf-8")
    assert "Some Processor 9000" in text
    assert text == readme.with_figures(text, readme.read())


def test_every_benchmark_there_is_has_a_name() -> None:
    folder = Path(command.__file__).parent
    found = {path.stem for path in folder.glob("*.py") if "\ndef run(folder" in path.read_text()}
    assert found == set(command.NAMES)
    assert set(command.IN_A_MINUTE) <= found


def test_webdis_is_as_shipped_but_for_where_it_is(tmp_path: Path) -> None:
    shipped = tmp_path / "webdis.json"
    shipped.write_text('{"threads": 2, "daemonize": true, "http_port": 7379, "acl": []}')
    told = webdis.configured(shipped, "redis://:s%2Fecret@127.0.0.1:7001/0", 7002, tmp_path)
    assert (told["threads"], told["acl"]) == (2, [])
    assert (told["redis_port"], told["redis_auth"]) == (7001, "s/ecret")
    assert (told["http_port"], told["daemonize"]) == (7002, False)


def test_peers_are_asked_for_the_same(tmp_path: Path) -> None:
    asked = [[1], [2, 3]]
    ours = badge_shop.targets(tmp_path / "ours", asked).read_text()
    theirs = badge_shop.webdis_targets(tmp_path / "theirs", asked, ".raw").read_text()
    assert ours.split() == ["/v1/stock/SKU-000001", "/v1/stock?sku=SKU-000002&sku=SKU-000003"]
    assert theirs.split() == [
        "/GET/peer:SKU-000001.raw",
        "/MGET/peer:SKU-000002/peer:SKU-000003.raw",
    ]
