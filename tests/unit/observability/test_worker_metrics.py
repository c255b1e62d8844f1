"""The metrics of several workers are one text that Prometheus can read, and lose nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.observability.worker_metrics import merged

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: bytes) -> Samples:
    families = list(text_string_to_metric_families(text.decode()))
    names = [family.name for family in families]
    # All samples of a metric stand together.
    assert len(names) == len(set(names))
    found: Samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def told(routes: dict[str, int], seconds: list[float]) -> bytes:
    registry = CollectorRegistry()
    requests = Counter("requests", "Requests {of all}.", ["route"], registry=registry)
    for route, count in routes.items():
        requests.labels(route).inc(count)
    took = Histogram("took", "Seconds.", registry=registry)
    for one in seconds:
        took.observe(one)
    Gauge("ready", "Whether.", registry=registry).set(1)
    return generate_latest(registry)


TEXTS = st.builds(
    told,
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), st.integers(0, 9)),
    st.lists(st.floats(0, 10), max_size=3),
)


@settings(max_examples=25)
@given(st.dictionaries(st.integers(0, 255), st.none() | TEXTS, max_size=4))
def test_every_sample_of_every_worker_is_there_once_with_its_worker(
    texts: dict[int, bytes | None],
) -> None:
    expected: Samples = {}
    for worker, text in texts.items():
        label = ("worker", str(worker))
        expected["stockspan_worker_up", frozenset({label})] = float(text is not None)
        for (name, labels), value in read(text or b"").items():
            expected[name, labels | {label}] = value
    assert read(merged(texts)) == expected


def test_workers_of_two_versions_may_word_it_differently() -> None:
    old = b"# HELP a Old words.\n# TYPE a gauge\na 1.0\n"
    new = b"# HELP a New words.\n# TYPE a gauge\na 2.0\n# HELP b B.\n# TYPE b gauge\nb 3.0\n"
    text = merged({0: old, 1: new})
    assert text.count(b"# HELP a ") == 1
    assert text.endswith(
        b"# HELP a Old words.\n# TYPE a gauge\n"
        b'a{worker="0"} 1.0\na{worker="1"} 2.0\n'
        b'# HELP b B.\n# TYPE b gauge\nb{worker="1"} 3.0\n'
    )
