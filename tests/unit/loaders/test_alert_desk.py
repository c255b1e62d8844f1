"""The desk: letters for everyone, each kept until it is delivered, and what is on the shelf."""

from __future__ import annotations

from structlog.testing import capture_logs

from gateway.observability.alert_rules import Rule
from gateway.observability.events import Event, EventKind, Severity
from loaders.alerts.desk import MOST, Desk

NOW = 10_000_000
RULE = Rule("errors", ("mail", "hook"), severity=Severity.ERROR, quiet_ms=900)
ADDRESSES = {"mail": ("a@shop", "b@shop"), "hook": ("",)}


class Shelf:
    """One text, as in the store: `by_other` writes it as another loader would."""

    def __init__(self) -> None:
        self.revision = 0
        self.text: bytes | None = None

    async def read(self) -> tuple[int, bytes | None]:
        return self.revision, self.text

    async def keep(self, revision: int, text: bytes) -> int | None:
        if revision != self.revision:
            return None
        self.revision, self.text = revision + 1, text
        return self.revision


class Office:
    def __init__(self, shelf: Shelf) -> None:
        self.lost: dict[str, int] = {}
        self.woken = 0
        self.now = NOW
        self.desk = Desk(shelf, (RULE,), ADDRESSES, lambda: self.now, self.wake, self.lose)

    def wake(self) -> None:
        self.woken += 1

    def lose(self, channel: str, letters: int) -> None:
        self.lost[channel] = self.lost.get(channel, 0) + letters


def failed(subject: str) -> Event:
    return Event(f"id-{subject}", EventKind.FEED_FAILED, NOW, subject)


async def test_everyone_gets_a_letter_and_each_goes_when_it_is_delivered() -> None:
    office = Office(shelf := Shelf())
    await office.desk.open()
    office.desk.look_at([failed("stock")], "7-0")
    assert await office.desk.keep()
    assert office.woken == 1
    first, second = office.desk.letters("mail")
    assert [first.address, second.address] == ["a@shop", "b@shop"]
    assert len(office.desk.letters("hook")) == 1
    office.desk.delivered(first)
    assert await office.desk.keep()
    # The next loader finds what is left, and tells nothing anew.
    following = Office(shelf)
    await following.desk.open()
    assert following.woken == 1
    assert following.desk.position == "7-0"
    assert following.desk.letters("mail") == [second]
    following.desk.look_at([failed("stock")], "8-0")
    assert following.desk.letters("mail") == [second]


async def test_who_has_not_read_the_last_writes_nothing() -> None:
    one, other = Office(shelf := Shelf()), Office(shelf)
    await one.desk.open()
    await other.desk.open()
    one.desk.look_at([failed("stock")], "1-0")
    assert await one.desk.keep()
    other.desk.look_at([], "9-0")
    assert not await other.desk.keep()
    other.desk.close()
    assert not other.desk.is_open
    assert not await other.desk.keep()
    await other.desk.open()
    assert other.desk.position == "1-0"


async def test_what_came_up_before_the_shelf_was_seen_is_added_to_it() -> None:
    before = Office(shelf := Shelf())
    await before.desk.open()
    before.desk.look_at([failed("stock")], "5-0")
    await before.desk.keep()
    office = Office(shelf)
    office.desk.look_at([failed("prices")])
    assert not await office.desk.keep()
    await office.desk.open()
    assert [letter.alert.event.subject for letter in office.desk.letters("hook")] == [
        "stock",
        "prices",
    ]
    assert office.desk.position == "5-0"
    # Now it comes by the journal as well.
    office.desk.look_at([failed("prices")], "6-0")
    office.now += RULE.quiet_ms
    office.desk.look_at([], "6-0")
    assert len(office.desk.letters("hook")) == 2


async def test_too_many_letters_are_given_up_oldest_first_and_counted() -> None:
    office = Office(Shelf())
    office.desk.look_at([failed(str(number)) for number in range(MOST + 2)], "1-0")
    assert office.lost == {"hook": 2, "mail": MOST + 4}
    assert office.desk.letters("hook")[0].alert.event.subject == "2"
    assert len(office.desk.letters("hook")) == len(office.desk.letters("mail")) == MOST


async def test_letters_for_a_channel_that_is_gone_are_dropped() -> None:
    before = Office(shelf := Shelf())
    await before.desk.open()
    before.desk.look_at([failed("stock")], "5-0")
    await before.desk.keep()
    lost: dict[str, int] = {}
    desk = Desk(shelf, (RULE,), {"mail": ("a@shop",)}, lambda: NOW, lambda: None, lost.__setitem__)
    await desk.open()
    desk.look_at([], "6-0")
    assert desk.letters("hook") == []
    assert lost == {}


async def test_what_cannot_be_read_is_said_and_begun_anew() -> None:
    shelf = Shelf()
    shelf.revision, shelf.text = 3, b"junk"
    office = Office(shelf)
    with capture_logs() as logs:
        await office.desk.open()
    assert [log["action"] for log in logs] == ["alerts.unreadable"]
    assert office.desk.position == str(NOW - 3_600_000)
    office.desk.look_at([failed("stock")], "1-0")
    assert await office.desk.keep()
    assert shelf.revision == 4
