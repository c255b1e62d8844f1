"""The dashboard and the alerts: every expression is PromQL about series that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import promql_parser
import pytest
import yaml

from gateway.api.ranks import Rank
from gateway.domain.confirmations import Unconfirmed
from gateway.observability.event_kinds import EventKind
from tests.told_metrics import Told

DOCS: Final = Path(__file__).parents[3] / "docs"
RULES: Final = DOCS / "prometheus/stockspan.rules.yml"
CASES: Final = DOCS / "prometheus/stockspan.rules.test.yml"
DASHBOARD: Final[Mapping[str, Any]] = json.loads((DOCS / "grafana/stockspan.json").read_text())
PAGE: Final = (DOCS / "metrics.md").read_text("utf-8")

TARGET: Final = frozenset({"job", "instance"})
"""Labels that Prometheus itself gives to all that it reads."""
VALUES: Final[Mapping[str, frozenset[str]]] = {
    "rank": frozenset(rank.name.lower() for rank in Rank),
    "stockspan_events_total": frozenset(EventKind),
    "stockspan_confirmations_total": frozenset({"confirmed", *Unconfirmed}),
    "stockspan_sync_records_total": frozenset({"accepted", "ignored", "quarantined", "removed"}),
    "stockspan_syncs_total": frozenset({"applied", "refused"}),
}
"""What labels can be, by the label or by the series."""

Duration = Annotated[str, msgspec.Meta(pattern=r"^(\d+(ms|[smhdwy]))+$")]


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """An alert, as Prometheus reads it."""

    alert: Annotated[str, msgspec.Meta(pattern=r"^Stockspan[A-Za-z]+$")]
    expr: str
    for_: Duration = msgspec.field(name="for")
    labels: dict[str, str]
    annotations: dict[str, str]


class Group(msgspec.Struct, forbid_unknown_fields=True):
    """Rules that are looked at one after the other."""

    name: str
    rules: list[Rule]


class RuleFile(msgspec.Struct, forbid_unknown_fields=True):
    """The file that Prometheus loads."""

    groups: list[Group]


def rules() -> Sequence[Rule]:
    read = msgspec.convert(yaml.safe_load(RULES.read_text("utf-8")), RuleFile)
    assert len({group.name for group in read.groups}) == len(read.groups)
    return [rule for group in read.groups for rule in group.rules]


def panels() -> Sequence[Mapping[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def asked_by_panels() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    yield from (mark["expr"] for mark in DASHBOARD["annotations"]["list"])
    for variable in DASHBOARD["templating"]["list"]:
        yield from re.findall(r"label_values\((.*), \w+\)", str(variable.get("definition")))


def wrong_with(expression: str, series: Mapping[str, frozenset[str]]) -> list[str]:
    """What an expression names that there is not."""
    # What Grafana puts in: a range, and values of labels, which are text to the parser.
    tree = promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    known: set[str] = set(TARGET)
    grouped: set[str] = set()
    wrong: list[str] = []

    def visit(node: object) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            if node.name is None or node.name not in series:
                wrong.append(f"no series {node.name}")
                return
            labels = series[node.name] | TARGET
            known.update(labels)
            for matcher in node.matchers.matchers:
                wrong.extend(_wrong_matcher(node.name, matcher, labels))
        modifier = getattr(node, "modifier", None)
        if isinstance(modifier, promql_parser.AggModifier):
            grouped.update(modifier.labels)
        elif isinstance(modifier, promql_parser.BinModifier) and modifier.matching is not None:
            grouped.update(modifier.matching.labels)

    promql_parser.walk(tree, visit)
    return wrong + [f"no label {label}" for label in sorted(grouped - known)]


def _wrong_matcher(
    name: str, matcher: promql_parser.Matcher, labels: frozenset[str]
) -> Iterator[str]:
    if matcher.name not in labels:
        yield f"no label {matcher.name} of {name}"
    possible = VALUES.get(matcher.name)
    if possible is None and matcher.name in {"kind", "outcome"}:
        possible = VALUES.get(name)
    if possible is not None:
        for value in matcher.value.split("|"):
            if value not in possible:
                yield f"{matcher.name} of {name} is never {value}"


@pytest.fixture(scope="module")
def series(told: Told) -> Mapping[str, frozenset[str]]:
    # Prometheus itself says of each target whether it answered.
    return {"up": frozenset(), **told.series()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.alert)
def test_an_alert_is_about_what_there_is_and_says_what_to_do(
    rule: Rule, series: Mapping[str, frozenset[str]]
) -> None:
    assert wrong_with(rule.expr, series) == []
    assert rule.labels.keys() == {"severity"}
    assert rule.labels["severity"] in {"critical", "warning"}
    assert rule.annotations.keys() == {"summary", "description"}
    assert len(rule.annotations["summary"]) < 100
    assert rule.annotations["description"].endswith((".", "?"))
    told = re.findall(r"\$labels\.(\w+)", str(rule.annotations))
    # An aggregation leaves no other labels than it names.
    assert not re.match(r"(min|max|sum|count) by", rule.expr) or all(
        label in rule.expr for label in told
    )


def test_each_alert_is_there_once_and_has_a_case_in_which_it_fires() -> None:
    names = [rule.alert for rule in rules()]
    assert len(set(names)) == len(names)
    cases = yaml.safe_load(CASES.read_text("utf-8"))["tests"]
    assert [case["name"] for case in cases] == names
    for case in cases:
        # Of two installations, for the one that is not well.
        jobs = {re.search(r'job="([\w-]+)"', one["series"]) for one in case["input_series"]}
        assert {found[1] for found in jobs if found} == {"stockspan", "stockspan-well"}
        (judged,) = case["promql_expr_test"]
        assert f'alertname="{case["name"]}"' in judged["expr"]
        assert judged["exp_samples"] == [{"labels": '{job="stockspan"}', "value": 1}]


def test_prometheus_finds_the_alerts_right() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: it comes with Debian's package prometheus")
    for act, file in (("check", RULES), ("test", CASES)):
        done = subprocess.run(
            [promtool, act, "rules", str(file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", sorted(set(asked_by_panels())))
def test_the_dashboard_asks_for_what_there_is(
    expression: str, series: Mapping[str, frozenset[str]]
) -> None:
    assert wrong_with(expression, series) == []


def test_the_dashboard_shows_every_metric_but_what_it_need_not(
    series: Mapping[str, frozenset[str]],
) -> None:
    shown = " ".join(asked_by_panels())
    unseen = {
        name
        for name in re.findall(r"(?m)^\| `(\w+)`", PAGE)
        if not re.search(rf"\b{name}(_bucket)?\b", shown)
    }
    # The limits of the machine and of the settings, which others are drawn against.
    assert unseen == {"process_virtual_memory_bytes", "stockspan_stale_for_seconds"}


def test_the_dashboard_can_be_imported_as_it_is() -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}
    first, *others = DASHBOARD["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert all(variable["datasource"] == source for variable in others)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    for panel in panels():
        assert panel["datasource"] == source
        assert all(target["datasource"] == source for target in panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert all(target["legendFormat"] for target in panel["targets"])
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used == names | {"__rate_interval", "__all"}


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("stockspan_gone > 0", "no series stockspan_gone"),
        ('stockspan_ready{route="x"}', "no label route of stockspan_ready"),
        ("max by (shelf) (stockspan_ready)", "no label shelf"),
        ("stockspan_ready > on (shelf) stockspan_store_up", "no label shelf"),
        (
            'stockspan_shed_requests_total{rank="promise"}',
            "rank of stockspan_shed_requests_total is never promise",
        ),
        (
            'stockspan_events_total{kind="feed.gone"}',
            "kind of stockspan_events_total is never feed.gone",
        ),
    ],
)
def test_what_there_is_not_is_found(
    expression: str, wrong: str, series: Mapping[str, frozenset[str]]
) -> None:
    assert wrong_with(expression, series) == [wrong]


def test_what_is_no_promql_is_found(series: Mapping[str, frozenset[str]]) -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        wrong_with("sum by (job (stockspan_ready)", series)
