"""Shapes of the replies, as OpenAPI shows them; `replies` fills them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field

from deployments.tasks.types import TaskState

ResultT = TypeVar("ResultT", bound=BaseModel)


class TaskSummary(BaseModel):
    id: str
    service: str
    state: Annotated[
        TaskState,
        Field(description="`finished`: every item has its result, be it a failure. `cancelled`: no more will come."),
    ]
    total: Annotated[int, Field(description="Items.")]
    done: Annotated[int, Field(description="Items that have their result.")]
    succeeded: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: Annotated[datetime | None, Field(description="When it is forgotten; null until it has ended.")]
    request_id: Annotated[str, Field(description="Of the call that submitted it.")]


class TaskReply(TaskSummary, Generic[ResultT]):
    result: Annotated[
        ResultT,
        Field(
            description="What the synchronous call would answer, with the items that are done so far; each entry has "
            "its `index` in the submission."
        ),
    ]
    next_offset: Annotated[int | None, Field(description="Send it as `offset` for the entries that follow.")]


class TaskListReply(BaseModel):
    tasks: Annotated[list[TaskSummary], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]
