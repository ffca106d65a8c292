"""What is recorded is read back, once, on both databases."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from deployments.database.database import Database
from deployments.database.database_url import parse_database_url
from deployments.ocr.store.execution_store import NullStore
from deployments.ocr.store.migrations import MIGRATIONS
from deployments.ocr.store.open_store import open_store
from deployments.ocr.store.records import Execution, ExecutionFilter, StoredExecution
from deployments.ocr.store.sql_store import SqlStore
from deployments.ocr.types import TextBox
from deployments.serving.errors import InvalidInput, NotFound

BOXES = (
    TextBox("컨테이너 TEMU 123456 7", 0.98, ((1.0, 2.5), (30.0, 2.0), (30.0, 9.0), (1.0, 9.0))),
    TextBox("second page", 0.51, ((0.0, 0.0), (5.0, 0.0), (5.0, 5.0), (0.0, 5.0)), page=1, rotation=180),
)
SUCCESS = Execution(
    status="success",
    source="/data/scan.pdf",
    chain_id=None,
    batch_id="batch-1",
    image_index=3,
    request_id="request-1",
    public_file_path="/public/scan.pdf",
    language="korean",
    confidence_threshold=0.25,
    use_angle_cls=False,
    backend="rapidocr",
    model="PP-OCRv6",
    width=640,
    height=480,
    pages=2,
    duration_ms=12.5,
    text_boxes=BOXES,
)
FAILED = Execution(status="failed", source="a.png", error_code="unsupported_media", error_message="not an image")


def chained(execution: Execution, chain_id: str, image_index: int = 0) -> Execution:
    return dataclasses.replace(execution, chain_id=chain_id, image_index=image_index)


async def record(store: SqlStore, *executions: Execution) -> list[str]:
    ids = await store.record_many(executions)
    return [stored for stored in ids if stored is not None]


async def everything(store: SqlStore, where: ExecutionFilter = ExecutionFilter()) -> list[StoredExecution]:  # noqa: B008
    return list((await store.find(where, limit=10_000)).executions)


async def test_an_execution_comes_back_as_it_was_recorded(store: SqlStore) -> None:
    before = datetime.now(UTC)
    [success, failed] = await record(store, SUCCESS, FAILED)

    found = await store.get(success)
    assert found.execution == SUCCESS
    assert found.id == success
    assert found.text_box_count == 2
    assert before <= found.created_at <= datetime.now(UTC)
    assert found.created_at.utcoffset() == timedelta(0)
    assert (await store.get(failed)).execution == FAILED


async def test_nothing_is_recorded_of_nothing(store: SqlStore) -> None:
    assert await store.record_many([]) == []
    assert await everything(store) == []


@pytest.mark.parametrize("unknown", ["0190b2c4-0000-7000-8000-000000000000", "17", "", "x" * 5000, "nul\0", "\ud800"])
async def test_an_unknown_id_is_not_found(store: SqlStore, unknown: str) -> None:
    with pytest.raises(NotFound):
        await store.get(unknown)


async def test_a_large_batch_is_one_transaction_in_order(store: SqlStore) -> None:
    batch = [dataclasses.replace(chained(SUCCESS, "large", index), source=f"{index}.png") for index in range(1500)]
    ids = await record(store, *batch)

    assert len(set(ids)) == 1500
    assert (await store.get(ids[1499])).execution.source == "1499.png"
    again = await record(store, *batch)
    assert again == ids
    assert len(await everything(store)) == 1500


async def test_text_that_no_database_takes_is_stored_with_replacement_characters(store: SqlStore) -> None:
    boxes = tuple(
        dataclasses.replace(BOXES[0], text=text)
        for text in ("a\0b", "lone \ud800 half", "pair \ud83d\ude00", "한글", "")
    )
    execution = dataclasses.replace(
        SUCCESS, text_boxes=boxes, source="nul\0.png", chain_id="chain\0\udfff", public_file_path="\udc80"
    )
    [stored_id] = await record(store, execution)

    found = (await store.get(stored_id)).execution
    assert [box.text for box in found.text_boxes] == ["a\ufffdb", "lone \ufffd half", "pair \U0001f600", "한글", ""]
    assert (found.source, found.chain_id, found.public_file_path) == ("nul\ufffd.png", "chain\ufffd\ufffd", "\ufffd")
    assert await record(store, execution) == [stored_id]
    assert len(await everything(store, ExecutionFilter(chain_id="chain\0\udfff"))) == 1


@pytest.mark.parametrize("field", ["chain_id", "batch_id"])
def test_a_key_that_no_index_holds_is_refused(field: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} has 256 characters"):
        Execution(status="success", source="", **{field: "한" * 256})  # type: ignore[arg-type]


async def test_keys_of_the_longest_kind_are_stored(store: SqlStore) -> None:
    longest = dataclasses.replace(SUCCESS, chain_id="\U0001f600" * 255, batch_id="한" * 255)
    [stored_id] = await record(store, longest)
    assert (await store.get(stored_id)).execution == longest


# ---- repeats ---------------------------------------------------------------------------------------------------------


async def test_a_repeated_image_of_a_chain_makes_no_second_row(store: SqlStore) -> None:
    [first, other] = await record(store, chained(SUCCESS, "chain", 0), chained(SUCCESS, "chain", 1))
    repeat = dataclasses.replace(chained(SUCCESS, "chain", 0), source="other.png", text_boxes=BOXES[:1])

    assert await record(store, repeat, chained(SUCCESS, "chain", 2)) != [first, other]
    assert await record(store, repeat) == [first]
    assert len(await everything(store)) == 3
    assert (await store.get(first)).execution == chained(SUCCESS, "chain", 0)


async def test_images_without_a_chain_are_never_repeats(store: SqlStore) -> None:
    ids = await record(store, SUCCESS, SUCCESS, SUCCESS)
    assert len(set(ids)) == 3
    assert len(await everything(store)) == 3


async def test_a_success_replaces_a_failure_and_keeps_its_id(store: SqlStore) -> None:
    [failed] = await record(store, chained(FAILED, "chain"))
    created_at = (await store.get(failed)).created_at

    assert await record(store, chained(SUCCESS, "chain")) == [failed]
    found = await store.get(failed)
    assert found.execution == chained(SUCCESS, "chain")
    assert found.created_at == created_at


async def test_a_failure_replaces_a_failure_but_never_a_success(store: SqlStore) -> None:
    [stored_id] = await record(store, chained(FAILED, "chain"))
    newer = dataclasses.replace(chained(FAILED, "chain"), error_code="engine_failed", request_id="second")
    assert await record(store, newer) == [stored_id]
    assert (await store.get(stored_id)).execution == newer

    await record(store, chained(SUCCESS, "chain"))
    assert await record(store, chained(FAILED, "chain")) == [stored_id]
    assert (await store.get(stored_id)).execution == chained(SUCCESS, "chain")


async def test_repeats_inside_one_batch_are_one_row_with_the_best_outcome(store: SqlStore) -> None:
    ids = await record(
        store, chained(FAILED, "a"), chained(SUCCESS, "a"), chained(FAILED, "a"), chained(SUCCESS, "b"), SUCCESS
    )
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 3
    assert (await store.get(ids[0])).execution == chained(SUCCESS, "a")
    assert len(await everything(store)) == 3


async def test_racing_repeats_from_several_processes_stores_make_one_row(database_url: str, store: SqlStore) -> None:
    databases = [Database(parse_database_url(database_url)) for _ in range(4)]
    for database in databases:
        await database.open(MIGRATIONS)
    stores = [SqlStore(database) for database in databases]
    # Each store writes the same images in another order: with locks taken in that order they would deadlock.
    rounds = []
    for number, other in enumerate(stores * 5):
        images = [chained(SUCCESS if number % 2 else FAILED, "race", index) for index in range(8)]
        rounds.append(other.record_many(images[::-1] if number % 3 else images))
    results = await asyncio.gather(*rounds)

    ids = {tuple(found[::-1] if number % 3 else found) for number, found in enumerate(results)}
    assert len(ids) == 1
    rows = await everything(store)
    assert len(rows) == 8
    assert all(row.execution.status == "success" and row.text_box_count == 2 for row in rows)
    for other in stores:
        await other.close()


async def test_concurrent_calls_are_each_answered_with_their_own_rows(store: SqlStore) -> None:
    async def call(number: int) -> None:
        mine = [dataclasses.replace(SUCCESS, source=f"{number}/{index}") for index in range(number % 3 + 1)]
        ids = await record(store, *mine)
        for execution, stored_id in zip(mine, ids, strict=True):
            assert (await store.get(stored_id)).execution == execution

    await asyncio.gather(*(call(number) for number in range(100)))


# ---- lists -----------------------------------------------------------------------------------------------------------


async def test_pages_are_newest_first_and_complete_while_rows_come_in(store: SqlStore) -> None:
    # 25 rows of one moment, then 5 later ones: ties in time must not lose or repeat rows.
    batch = await record(store, *[SUCCESS] * 25)
    later = [(await record(store, SUCCESS))[0] for _ in range(5)]

    seen: list[StoredExecution] = []
    cursor: str | None = None
    while True:
        page = await store.find(ExecutionFilter(), limit=7, cursor=cursor)
        seen += page.executions
        await record(store, FAILED)  # newer than every page that follows
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [row.id for row in seen] == later[::-1] + batch[::-1]
    assert all(row.text_box_count == 2 and row.execution.text_boxes == () for row in seen)


async def test_conditions_are_joined_by_and(store: SqlStore) -> None:
    english = dataclasses.replace(SUCCESS, language="english", batch_id="batch-2")
    [a, b, c] = await record(store, chained(SUCCESS, "chain", 0), chained(english, "chain", 1), FAILED)
    moment = (await store.get(a)).created_at

    async def ids(**conditions: object) -> set[str]:
        return {row.id for row in await everything(store, ExecutionFilter(**conditions))}  # type: ignore[arg-type]

    assert await ids(chain_id="chain") == {a, b}
    assert await ids(batch_id="batch-2") == {b}
    assert await ids(status="failed") == {c}
    assert await ids(language="korean") == {a}
    assert await ids(chain_id="chain", language="english") == {b}
    assert await ids(chain_id="chain", status="failed") == set()
    assert await ids(since=moment) == {a, b, c}
    assert await ids(until=moment) == set()
    assert await ids(since=moment + timedelta(microseconds=1)) == set()
    nine_hours_east = moment.astimezone(tz=None)
    assert await ids(since=nine_hours_east, until=nine_hours_east + timedelta(microseconds=1)) == {a, b, c}


@pytest.mark.parametrize("cursor", ["x", "", "%%%", "bm90IGEgY3Vyc29y", "MjAyNi0wMS0wMSB4", "한글", "A" * 199])
async def test_a_cursor_that_is_not_ours_is_refused(store: SqlStore, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        await store.find(ExecutionFilter(), cursor=cursor)


def test_ids_sort_by_time() -> None:
    from deployments.ocr.store.execution_rows import name_executions

    now = datetime.now(UTC)
    named = name_executions([SUCCESS] * 5, now) + name_executions([SUCCESS], now + timedelta(milliseconds=1))
    assert [new.id for new in named] == sorted(new.id for new in named)
    assert {uuid.UUID(new.id).version for new in named} == {7}
    assert {uuid.UUID(new.id).variant for new in named} == {uuid.RFC_4122}


async def test_a_store_that_is_switched_off_keeps_nothing_and_says_so() -> None:
    store = await open_store(None)
    assert isinstance(store, NullStore)
    assert await store.record_many([SUCCESS, FAILED]) == [None, None]
    with pytest.raises(NotFound, match="database: null"):
        await store.get("0190b2c4-0000-7000-8000-000000000000")
    with pytest.raises(NotFound, match="database: null"):
        await store.find(ExecutionFilter())
    await store.check()
    await store.close()
