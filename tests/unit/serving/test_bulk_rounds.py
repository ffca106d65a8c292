"""Rounds without Ray: long inputs come last and whole, what dies is tried alone, then given up; nothing twice."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import pytest

from deployments.serving.bulk_cluster import EnginePool
from deployments.serving.bulk_progress import Progress
from deployments.serving.bulk_rounds import Rounds, blocks_of
from deployments.serving.bulk_rows import PLACE, Row, answer_schema, failed_row, long_row, success_row
from deployments.serving.bulk_sources import Input
from deployments.serving.bulk_task import BulkTask, Sections
from deployments.serving.engine import ModelCard
from deployments.serving.errors import UnsupportedMedia

CARD = ModelCard(model="m", backend="b", version="v")
Answer = Callable[[Input], Row | None]


def _fields() -> list[Any]:
    import pyarrow as pa

    return [("text", pa.string())]


def _join(rows: Sequence[Row]) -> Row:
    return {"text": "+".join(row["text"] for row in rows)}


TASK = BulkTask(
    "words", "path", lambda: None, lambda data, path: None, bytes, dict, _fields, 1,  # type: ignore[arg-type, return-value]
    sections=Sections(len, lambda *given: None, _join),
)  # fmt: skip


class _Pool:
    """Answers in the process; one that is None takes its whole block along, as a dead actor does."""

    task = TASK

    def __init__(self, answer: Answer, *, twice: bool = False) -> None:
        self._answer = answer
        self._twice = twice
        self.asked: list[str] = []

    def stream(self, blocks: list[Any], *, alone: bool = False) -> Iterator[Any]:
        import pyarrow as pa

        for block in blocks:
            rows = []
            for given in block.to_pylist():
                place = given.pop(PLACE)
                self.asked.append(f"{given['input_id']}{'' if given['section'] is None else given['section']}")
                row = self._answer(Input(**given))
                rows.append(None if row is None else {**row, PLACE: place})
            if None not in rows:
                table = pa.Table.from_pylist(rows, schema=answer_schema(_fields()))
                yield from [table, table] if self._twice else [table]


def _run(pool: _Pool, names: Sequence[str], said: io.StringIO | None = None) -> list[Row]:
    progress = Progress("ocr", len(names), 0, 0, stream=said or io.StringIO(), every_s=0)
    rounds = Rounds(cast("EnginePool", pool), progress)
    tables = [*rounds.inputs(blocks_of((Input(name, name) for name in names), 2)[0]), *rounds.sections()]
    return [row for table in tables for row in table.to_pylist()]


def _long(item: Input) -> Row:
    """`l3` has three sections; others are short."""
    if item.section is None and item.path.startswith("l"):
        return long_row(item, int(item.path[1:]))
    text = item.path if item.section is None else f"{item.path}.{item.section}"
    return success_row(item, {"text": text}, CARD, prepare_ms=1.0, inference_ms=2.0, content_hash="sha256:1")


@pytest.mark.parametrize("twice", [False, True])
def test_long_inputs_come_last_and_whole(twice: bool) -> None:
    pool, said = _Pool(_long, twice=twice), io.StringIO()
    rows = _run(pool, ["l3", "a", "b", "l2", "c"], said)
    assert [row["text"] for row in rows] == ["a", "b", "c", "l3.0+l3.1+l3.2", "l2.0+l2.1"]
    assert pool.asked == ["l3", "a", "b", "l2", "c", "l30", "l31", "l32", "l20", "l21"]
    assert (rows[3]["status"], rows[3]["inference_ms"], rows[3]["model"]) == ("success", 6.0, "m")
    assert "2 long: 3 of 5 sections" in said.getvalue()


def test_a_failed_section_fails_its_input_and_says_which() -> None:
    def answer(item: Input) -> Row:
        return failed_row(item, UnsupportedMedia("damaged")) if item.section == 1 else _long(item)

    (row,) = _run(_Pool(answer), ["l3"])
    assert (row["status"], row["error_code"], row["text"]) == ("failed", "unsupported_media", None)
    assert row["error_message"] == "damaged (section 2 of 3)"


def test_a_file_that_changes_between_its_sections_fails() -> None:
    def answer(item: Input) -> Row:
        return {**_long(item), "content_hash": f"sha256:{item.section}"}

    (row,) = _run(_Pool(answer), ["l2"])
    assert "changed while it was read" in row["error_message"]


def test_what_dies_is_tried_alone_and_then_given_up() -> None:
    pool = _Pool(lambda item: None if item.path == "killer" or item.section == 2 else _long(item))
    rows = {row["input_id"]: row for row in _run(pool, ["a", "killer", "b", "l3", "l2"])}
    assert {name: row["error_code"] for name, row in rows.items()} == {
        "a": None, "killer": "engine_failed", "b": None, "l3": "engine_failed", "l2": None,
    }  # fmt: skip
    assert pool.asked.count("a") == 2  # it was in the killer's block
    assert pool.asked.count("b") == 1
