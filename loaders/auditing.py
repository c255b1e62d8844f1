"""The audits of the configured feeds, put together."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from gateway.config.http_sections import HttpSource
from loaders.audit import Audit, Sampling
from loaders.feedbook import Feed
from loaders.ingest import Ingest
from loaders.samples import Samples
from loaders.sku_sources import SkuSources

_A_CALL: Final = 10
"""SKUs in one query. Over HTTP each may be a call of its own: there they come one by one."""


def audits(
    sources: SkuSources, ingest: Ingest, samples: Samples, clock: Callable[[], float]
) -> list[Audit]:
    """One for every feed of stock whose source can be asked by SKU and may be; none is begun.

    Raises:
        SourceError: the mapping of a feed does not fit its kind.
    """
    # Chance only chooses what is looked at.
    random = Random()  # noqa: S311
    made: list[Audit] = []
    for one in sources.asked():
        rate = one.source.audit_rate
        if not rate:
            continue
        # A feed without deltas brings nothing before its next snapshot.
        watermark = one.feed.watermark if one.feed.follows else None
        a_call = 1 if isinstance(one.source, HttpSource) else max(1, min(_A_CALL, int(rate)))
        sampling = Sampling(rate, a_call, watermark, one.feed.overlap)
        feed = Feed(one.name, one.feed.kind)
        made.append(Audit(feed, one.asking, sampling, samples, ingest, clock, random))
    return made
