"""Several gateway processes behind one address, and who looks after them (docs/adr/0024).

    supervisor ─ place 0 ─ worker      each place has listening sockets of its own (SO_REUSEPORT),
               ─ place 1 ─ worker      which outlive the worker that accepts from them

`supervisor` mans the places, `place` keeps one of them manned: a worker that died, stood still or
leaves is followed by another. `worker` is a process as the supervisor sees it, `tether` what the
two say to each other; `pulse` says when one stands still, `deaths` how long to wait after one died.
`port` is the address that all share.
"""
