from hypothesis import given
from hypothesis import strategies as st

from gateway.near_cache import AdmittingCache, NearCache


def test_what_was_kept_is_found() -> None:
    cache: NearCache[str, int] = NearCache(10)
    cache.keep("a", 1, cache.ticket())
    assert cache.get("a") == 1
    assert cache.get("b") is None


def test_a_reply_on_its_way_when_its_key_was_evicted_is_not_kept() -> None:
    cache: NearCache[str, int] = NearCache(10)
    ticket = cache.ticket()
    cache.evict("a")
    cache.keep("a", 1, ticket)
    cache.keep("b", 2, ticket)
    assert cache.get("a") is None
    assert cache.get("b") == 2
    cache.keep("a", 3, cache.ticket())
    assert cache.get("a") == 3


def test_a_reply_on_its_way_when_everything_was_forgotten_is_not_kept() -> None:
    cache: NearCache[str, int] = NearCache(10)
    ticket = cache.ticket()
    cache.clear()
    cache.keep("a", 1, ticket)
    assert cache.get("a") is None
    cache.keep("a", 2, cache.ticket())
    assert cache.get("a") == 2


def test_an_old_ticket_is_void_once_its_evictions_are_forgotten() -> None:
    cache: NearCache[str, int] = NearCache(10)
    ticket = cache.ticket()
    cache.evict("a")
    for number in range(20_000):
        cache.evict(str(number))
    cache.keep("a", 1, ticket)
    assert cache.get("a") is None


def test_what_is_asked_for_stays_and_what_is_not_goes() -> None:
    cache: NearCache[int, int] = NearCache(20)
    cache.keep(-1, -1, cache.ticket())
    for number in range(1000):
        cache.keep(number, number, cache.ticket())
        assert cache.get(-1) == -1
        assert len(cache) <= 21
    assert cache.get(0) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["read", "arrive", "change"]), st.integers(0, 3)), max_size=60
    )
)
def test_nothing_found_is_older_than_its_last_eviction(steps: list[tuple[str, int]]) -> None:
    cache: NearCache[int, int] = NearCache(4)
    truth = dict.fromkeys(range(4), 0)
    under_way: dict[int, tuple[int, int]] = {}
    for step, key in steps:
        if step == "read":
            under_way[key] = (cache.ticket(), truth[key])
        elif step == "change":
            truth[key] += 1
            cache.evict(key)
        elif key in under_way:
            ticket, value = under_way.pop(key)
            cache.keep(key, value, ticket)
        found = cache.get(key)
        assert found is None or found == truth[key]


def test_what_is_heavy_takes_the_room_of_many() -> None:
    cache: NearCache[int, int] = NearCache(100, lambda _, number: 10 if number >= 100 else 1)
    for number in range(100, 1000):
        cache.keep(number, number, cache.ticket())
        assert len(cache) <= 11
    cache.evict(999)
    assert cache.get(999) is None
    assert cache.get(998) == 998
    cache.clear()
    for number in range(100):
        cache.keep(number, number, cache.ticket())
    assert all(cache.get(number) == number for number in range(51, 100))


def test_a_crawler_pushes_out_nothing_that_was_asked_for_twice() -> None:
    cache: AdmittingCache[int, int] = AdmittingCache(1000)
    for number in range(300):
        cache.keep(number, number, cache.ticket())
        assert cache.get(number) == number
    for number in range(1000, 100_000):
        if cache.get(number) is None:
            cache.keep(number, number, cache.ticket())
        assert len(cache) <= 1010
    assert all(cache.get(number) == number for number in range(300))


def test_what_was_admitted_is_evicted_and_replaced_where_it_is() -> None:
    cache: AdmittingCache[str, int] = AdmittingCache(100)
    cache.keep("a", 1, cache.ticket())
    assert cache.get("a") == 1
    ticket = cache.ticket()
    cache.keep("a", 2, ticket)
    assert cache.get("a") == 2
    assert len(cache) == 1
    cache.evict("a")
    cache.keep("a", 2, ticket)
    assert cache.get("a") is None
    cache.keep("a", 3, cache.ticket())
    cache.clear()
    assert cache.get("a") is None
    assert len(cache) == 0


def test_what_is_taken_is_there_no_longer_and_gives_its_room_back() -> None:
    cache: NearCache[str, int] = NearCache(20, lambda _, __: 8)
    for _ in range(100):
        cache.keep("a", 1, cache.ticket())
        assert cache.take("a") == 1
        assert cache.take("a") is None
    cache.keep("b", 2, cache.ticket())
    cache.keep("a", 1, cache.ticket())
    assert (cache.get("b"), cache.get("a")) == (2, 1)
