"""Stored executions over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from deployments.ocr.replies import execution_reply, execution_summary
from deployments.ocr.reply_models import ExecutionListReply, ExecutionReply
from deployments.ocr.store.execution_store import ExecutionStore
from deployments.ocr.store.records import ExecutionFilter, Status
from deployments.serving.errors import InvalidInput

MAX_PAGE = 200
"""Executions in one page."""

_Moment = Query(description="ISO 8601; without a time zone it is UTC.", examples=["2026-01-31T00:00:00Z"])


def build_execution_router(store: ExecutionStore) -> APIRouter:
    """`GET /executions` and `GET /executions/{id}`."""
    router = APIRouter(prefix="/executions", tags=["executions"])

    @router.get("/{execution_id}", response_model=ExecutionReply)
    async def get_execution(execution_id: str) -> Response:
        """One execution with its text boxes."""
        return _json(execution_reply(await store.get(execution_id)))

    @router.get("", response_model=ExecutionListReply)
    async def list_executions(
        chain_id: str | None = None,
        batch_id: str | None = None,
        status: Status | None = None,
        language: str | None = None,
        since: Annotated[datetime | None, _Moment] = None,
        until: Annotated[datetime | None, _Moment] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
        cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
    ) -> Response:
        """Executions, newest first, without their text boxes; all conditions must hold."""
        where = ExecutionFilter(
            chain_id=chain_id,
            batch_id=batch_id,
            status=status,
            language=language,
            since=_utc("since", since),
            until=_utc("until", until),
        )
        page = await store.find(where, limit, cursor)
        executions = [execution_summary(stored) for stored in page.executions]
        return _json({"executions": executions, "next_cursor": page.next_cursor})

    return router


def _utc(field: str, moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput(f"`{field}` is outside the years 1..9999", field=field) from error


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
