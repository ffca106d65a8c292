"""The same call by both clients."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from deployments.client import AsyncSensorium, RetryPolicy, Sensorium
from deployments.client.call import Call, ReplyT

Kind = Literal["sync", "async"]

HASTY = RetryPolicy(first_delay_s=0.02, longest_delay_s=0.05)


def send(kind: Kind, url: str, call: Call[ReplyT], retries: RetryPolicy = HASTY, api_key: str | None = None) -> ReplyT:
    """What `call` gives."""
    if kind == "sync":
        with Sensorium(url, api_key, retries=retries) as client:
            return client.send(call)

    async def sent() -> Any:
        async with AsyncSensorium(url, api_key, retries=retries) as client:
            return await client.send(call)

    reply: ReplyT = asyncio.run(sent())
    return reply
