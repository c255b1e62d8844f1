"""Does what operators ask of feeds, for as long as this loader leads, and answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NoReturn

import structlog

from gateway.domain.errors import StockspanError, StoreUnavailableError
from gateway.store.client import DeposedError
from gateway.store.feed_requests import Act, Answer, FeedRequest, FeedRequests
from loaders.errors import ReleaseError
from loaders.feedbook import named
from loaders.ingest import Ingest
from loaders.keeper import Keeper
from loaders.release import discard, release
from loaders.resilience import ended

_LOOK_SECONDS: Final = 0.25

_log = structlog.get_logger(__name__)


class Answering:
    """Answers requests in one term; one at a time of each feed."""

    def __init__(self, requests: FeedRequests, ingest: Ingest, keepers: Sequence[Keeper]) -> None:
        self._requests = requests
        self._ingest = ingest
        self._keepers = {keeper.feed.name: keeper for keeper in keepers}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> NoReturn:
        """Take requests up until cancelled."""
        try:
            while True:
                request = None
                with suppress(StoreUnavailableError):  # the keepers say so
                    request = await self._requests.next()
                if request is None:
                    await asyncio.sleep(_LOOK_SECONDS)
                elif request.feed in self._under_way:
                    text = f"something else is under way for the feed {request.feed}: ask again"
                    await self._answer(request, Answer(done=False, text=text))
                else:
                    self._begin(request)
        finally:
            await ended([*self._under_way.values()])

    def _begin(self, request: FeedRequest) -> None:
        task = asyncio.create_task(self._serve(request), name=f"{request.act} {request.feed}")
        self._under_way[request.feed] = task
        task.add_done_callback(lambda _: self._under_way.pop(request.feed, None))

    async def _serve(self, request: FeedRequest) -> None:
        try:
            answer = Answer(done=True, text=await _ACTS[request.act](self, request))
        except DeposedError:
            answer = Answer(done=False, text="another loader leads now: ask again")
        except StockspanError as error:
            answer = Answer(done=False, text=str(error))
        except asyncio.CancelledError:
            answer = Answer(done=False, text="the loader stopped leading on the way: ask again")
            with suppress(asyncio.CancelledError):
                await self._answer(request, answer)
            raise
        except Exception as error:  # noqa: BLE001 - who asked is to hear of a mistake of ours too
            _log.exception("a request failed", action="feed.broken", feed=request.feed)
            answer = Answer(done=False, text=f"it failed: {type(error).__name__}")
        await self._answer(request, answer)

    async def _answer(self, request: FeedRequest, answer: Answer) -> None:
        # Who gets no answer is told so by his own deadline.
        with suppress(StoreUnavailableError):
            await self._requests.answer(request, answer)

    async def release(self, request: FeedRequest) -> str:
        feed = request.feed
        outcome = await release(self._ingest, feed, request.by)
        return (
            f"{feed}: released; {outcome.accepted} accepted, {outcome.ignored} ignored, "
            f"{outcome.quarantined} quarantined, {outcome.removed} removed"
        )

    async def discard(self, request: FeedRequest) -> str:
        await discard(self._ingest, request.feed, request.by)
        return f"{request.feed}: dropped"

    async def sync(self, request: FeedRequest) -> str:
        feed = request.feed
        if named(feed, await self._ingest.register.all()).pushed:
            raise ReleaseError(f"the feed {feed} is pushed: only its sender can send a snapshot")
        keeper = self._keepers.get(feed)
        if keeper is None:
            raise ReleaseError(f"the feed {feed} is not configured where the leader runs")
        keeper.sync_now()
        return f"{feed}: a snapshot is taken now; `stockspan feed status` shows what becomes of it"


_ACTS: Final[Mapping[Act, Callable[[Answering, FeedRequest], Awaitable[str]]]] = {
    Act.RELEASE: Answering.release,
    Act.DISCARD: Answering.discard,
    Act.SYNC: Answering.sync,
}
