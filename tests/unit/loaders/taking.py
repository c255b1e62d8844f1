"""Rows through the whole intake, without a store."""

import json
from collections.abc import Iterable

from gateway.domain.record_kinds import Kind
from gateway.store.bulk import BulkEncoder
from gateway.store.keys import Keyspace
from loaders.intake import Intake
from loaders.operations import Mark
from loaders.outcome import Tally
from loaders.seen import Seen, nothing_seen

DELTA = Mark(7, 3, 1_000, snapshot=False)
SNAPSHOT = Mark(7, 3, 1_000, snapshot=True)


class Lists:
    """What is known of price lists: BASE is a base list, and rows lie with their SKUs."""

    def is_base(self, price_list: str) -> bool:
        return price_list == "BASE"

    def with_skus(self, price_list: str) -> bool:
        return True

    def expect(self, price_list: str) -> None:
        return


def taken(kind: Kind, *rows: object, mark: Mark = DELTA) -> Tally:
    tally, _, _ = took(kind, rows, mark)
    return tally


def took(kind: Kind, rows: Iterable[object], mark: Mark) -> tuple[Tally, list[bytes], Seen]:
    """The tally, the commands, and what was seen."""
    tally, seen = Tally("feed"), nothing_seen(kind)
    seen_of_it = seen if mark.snapshot else None
    intake = Intake(kind, mark, BulkEncoder(Keyspace("t")), tally, seen_of_it, Lists())
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return tally, intake.take(intake.read(b"\n".join(lines))), seen
