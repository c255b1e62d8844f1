"""What a process tells of itself: logs, metrics, events. Serves every layer, knows none.

`events` is the vocabulary, `recorder` takes what happens; `alert_rules` and `alerts` say, without a
clock of their own, when somebody is to be told.
"""
