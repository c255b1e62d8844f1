from random import Random

from structlog.testing import capture_logs

from loaders.resilience import Backoff, Outages


def test_waits_double_up_to_a_limit() -> None:
    backoff = Backoff(Random(1))
    waits = [backoff.wait() for _ in range(50)]
    assert 0.25 <= waits[0] <= 0.5
    assert max(waits) <= 10
    assert min(waits[10:]) >= 5
    backoff.reset()
    assert backoff.wait() <= 0.5


def test_an_outage_is_told_when_it_begins_and_when_it_ends() -> None:
    outages = Outages()
    with capture_logs() as logs:
        outages.back("erp")
        for _ in range(3):
            outages.away("erp", "no connection")
        outages.away("erp", "refused")
        outages.back("erp")
        outages.back("erp")
    assert [log["action"] for log in logs] == ["outage.began", "outage.began", "outage.ended"]
