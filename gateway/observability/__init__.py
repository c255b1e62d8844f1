"""What a process tells of itself: logs, metrics, events, traces. Serves every layer, knows none.

`events` is the vocabulary, of `event_kinds`, and `recorder` takes what happens; `metrics`, with
`readings` and `load_metrics`, are a worker's, `loader_metrics` a loader's, both made of `families`;
`worker_metrics` puts those of several workers together; `alert_rules` and `alerts` say, without a
clock of their own, when somebody is to be told. `tracing` is the only code that knows
OpenTelemetry.
"""
