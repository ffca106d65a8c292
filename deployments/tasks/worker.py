"""Works off the tasks of one service in one replica, a few items at a time. Knows neither HTTP nor Ray.

Items go through the same runner as the synchronous calls, one request each, so they share batches with those; few at
once, and fewer when the runner refuses, so that they never fill its queue. While an item is read its lease is
prolonged; a replica that dies stops doing so, and its items go to another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from datetime import UTC, datetime

import orjson

from deployments.serving.errors import SensoriumError, StoreUnavailable, Unavailable
from deployments.tasks.settings import TaskSettings
from deployments.tasks.task_store import TaskStore
from deployments.tasks.types import Claim, Json, Lease
from deployments.tasks.work import TaskWork, attempt, may_pass

logger = logging.getLogger(__name__)

IDLE_POLL_S = 1.0
"""How often the store is asked for work that came to other replicas."""
PURGE_EVERY_S = 60.0
LONGEST_BEAT_S = 3.0
"""Between two signs of life; also how long a cancelled item may go on in another replica than the one that was told."""
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
LONGEST_PAUSE_S = 10.0


class TaskWorker:
    """Run it as a task of the event loop that serves the replica; cancel it to stop."""

    def __init__(
        self,
        store: TaskStore,
        work: TaskWork,
        settings: TaskSettings,
        *,
        first_delay_s: float = FIRST_DELAY_S,
        idle_poll_s: float = IDLE_POLL_S,
    ) -> None:
        self._store = store
        self._work = work
        self._settings = settings
        self._first_delay_s = first_delay_s
        self._idle_poll_s = idle_poll_s
        self._woken = asyncio.Event()
        self._at_work: dict[Lease, asyncio.Task[None]] = {}
        self._alone = False
        """The one item at work is to have no other beside it."""
        self._paused_until = 0.0
        self._purge_at = 0.0

    def wake(self) -> None:
        """There may be work."""
        self._woken.set()

    def drop(self, task_id: str) -> None:
        """The task was cancelled."""
        for lease, doing in self._at_work.items():
            if lease.task_id == task_id:
                doing.cancel()

    async def run(self) -> None:
        """Until cancelled; then the items at work are given back."""
        beating = asyncio.create_task(self._beat(), name="task-leases")
        try:
            while True:
                self._woken.clear()
                await self._turn()
                # Not `wait_for`, which in Python 3.11 swallows a cancellation that meets the end of the wait.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._idle_poll_s):
                        await self._woken.wait()
        finally:
            beating.cancel()
            await self._give_back()

    async def _turn(self) -> None:
        try:
            now = time.monotonic()
            if now >= self._purge_at:
                self._purge_at = now + PURGE_EVERY_S
                await self._store.purge()
            free = 0 if self._alone or now < self._paused_until else self._settings.concurrency - len(self._at_work)
            if free > 0:
                for claim in await self._store.claim(free, idle=not self._at_work):
                    self._start(claim)
        except StoreUnavailable:
            pass  # logged there; the next turn asks again
        except Exception:
            logger.exception("tasks could not be taken up")

    def _start(self, claim: Claim) -> None:
        doing = asyncio.create_task(self._do(claim), name=f"task-{claim.lease.task_id}-{claim.lease.position}")
        self._at_work[claim.lease] = doing
        self._alone = claim.alone
        doing.add_done_callback(lambda _: self._ended(claim))

    def _ended(self, claim: Claim) -> None:
        self._at_work.pop(claim.lease, None)
        if claim.alone:
            self._alone = False
        self.wake()

    async def _do(self, claim: Claim) -> None:
        try:
            try:
                await self._read(claim)
            except Unavailable as refusal:
                await self._postpone(claim, refusal)
        except StoreUnavailable:
            pass  # logged there; the lease runs out, and the item is done again
        except Exception:
            logger.exception("item %d of task %s was left", claim.item.position, claim.item.task_id)

    async def _read(self, claim: Claim) -> None:
        """Raises:
        Unavailable: not now.
        """
        outcome = await attempt(self._work, claim, self._settings.max_attempts)
        if not isinstance(outcome, SensoriumError):
            await self._finish(claim, outcome, succeeded=True)
        elif claim.attempts < self._settings.max_attempts and may_pass(outcome):
            delay_s = min(self._first_delay_s * 2.0 ** (claim.attempts - 1), LONGEST_DELAY_S)
            logger.warning(
                "item %d of task %s failed (%s), attempt %d; again in %.1f s",
                *(claim.item.position, claim.item.task_id, outcome.code, claim.attempts, delay_s),
            )
            delay_s *= random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret
            await self._store.put_back(claim.lease, delay_s, counted=True)
        else:
            await self._finish(claim, await self._work.fail(claim.item, outcome), succeeded=False)

    async def _finish(self, claim: Claim, entry: Json, *, succeeded: bool) -> None:
        result = orjson.dumps({"index": claim.item.position} | entry).decode()
        if not await self._store.finish(claim.lease, result, succeeded=succeeded):
            logger.info("item %d of task %s is not ours any more", claim.item.position, claim.item.task_id)

    async def _postpone(self, claim: Claim, refusal: Unavailable) -> None:
        """The service is busy or not there: take nothing up for a while. That is no attempt of the item."""
        waited_s = (datetime.now(UTC) - claim.submitted_at).total_seconds()
        if waited_s > self._settings.max_wait_s:
            await self._finish(claim, await self._work.fail(claim.item, refusal), succeeded=False)
            return
        wished = refusal.details.get("retry_after_s")
        delay_s = min(max(wished if isinstance(wished, (int, float)) else 1.0, 0.2), LONGEST_PAUSE_S)
        self._paused_until = time.monotonic() + delay_s
        await self._store.put_back(claim.lease, delay_s, counted=False)

    async def _beat(self) -> None:
        """Show that we live; learn what is not ours any more."""
        while True:
            await asyncio.sleep(min(self._settings.lease_s / 3, LONGEST_BEAT_S))
            leases = list(self._at_work)
            if not leases:
                continue
            try:
                held = await self._store.prolong(leases)
            except Exception as error:  # noqa: BLE001 - the next beat tries again, as long as the lease lasts
                logger.warning("leases could not be prolonged: %s", error)
                continue
            for lease in set(leases) - held:
                if lease in self._at_work:
                    self._at_work[lease].cancel()

    async def _give_back(self) -> None:
        leases, doing = list(self._at_work), list(self._at_work.values())
        for task in doing:
            task.cancel()
        await asyncio.gather(*doing, return_exceptions=True)
        for lease in leases:
            with contextlib.suppress(StoreUnavailable):
                await self._store.put_back(lease, 0.0, counted=False)
