"""EngineRows: one row per input in order, bad ones alone, batches within their bounds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deployments.serving.batching import Batching
from deployments.serving.bulk_engine import EngineRows
from deployments.serving.bulk_sources import Input
from deployments.serving.bulk_task import BulkTask
from deployments.serving.engine import ModelCard
from deployments.serving.errors import EngineFailed, UnsupportedMedia


class WordEngine:
    """Units are words, outcomes their upper case. `bad` is refused, `poison` fails in the model, `boom` raises."""

    card = ModelCard(model="words", backend="test", version="1")

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def prepare(self, request: str) -> list[str]:
        if request == "bad":
            raise UnsupportedMedia("bad is not read")
        return request.split()

    def cost(self, unit: str) -> int:
        return len(unit)

    def infer(self, units: Sequence[str]) -> list[str | Exception]:
        self.batches.append(list(units))
        if "boom" in units:
            raise RuntimeError("boom")
        return [EngineFailed("poison") if unit == "poison" else unit.upper() for unit in units]

    def assemble(self, request: str, units: Sequence[str], outcomes: Sequence[str]) -> str:
        return " ".join(outcomes)

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


def _rows(batching: Batching, texts: Sequence[str], roots: tuple[str, ...] = ()) -> tuple[list[dict[str, Any]], Any]:
    engine = WordEngine()
    task = BulkTask(
        service="words",
        kind="text",
        load=lambda: engine,
        request=lambda data, path: data.decode(),
        sample=lambda: b"word",
        result=lambda text: {"text": text},
        result_fields=list,
        max_bytes=100,
    )
    rows = EngineRows(task, batching, roots)
    made = rows.rows([Input(f"t#{number}", "t", number, text) for number, text in enumerate(texts)])
    rows.close()
    return made, engine


def test_one_row_per_input_in_order_whatever_fails() -> None:
    texts = ["a bb", "bad", "", "poison x", "ccc", "d poison e f g h", "end"]
    rows, _ = _rows(Batching(max_batch_size=3), texts)
    assert [row["input_id"] for row in rows] == [f"t#{number}" for number in range(7)]
    assert [row.get("text") for row in rows] == ["A BB", None, "", None, "CCC", None, "END"]
    codes = [None, "unsupported_media", None, "engine_failed", None, "engine_failed", None]
    assert [row.get("error_code") for row in rows] == codes
    assert all(row["content_hash"].startswith("sha256:") for row in rows)


def test_batches_are_bounded_by_count_and_cost() -> None:
    texts = ["aaaa bb", "cccc dd ee", "ffffffffffff", "g h i j"]
    _, engine = _rows(Batching(max_batch_size=3, max_batch_cost=8), texts)
    assert [word for batch in engine.batches for word in batch] == " ".join(texts).split()
    assert all(len(batch) <= 3 and (len(batch) == 1 or len("".join(batch)) <= 8) for batch in engine.batches)


def test_what_the_model_raises_on_fails_alone() -> None:
    rows, _ = _rows(Batching(max_batch_size=8), ["a", "boom", "b"])
    assert [row["status"] for row in rows] == ["success", "failed", "success"]


def test_files_are_read_under_the_sources_roots_only(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in" / "a.txt", tmp_path / "secret.txt"
    inside.parent.mkdir()
    inside.write_text("hello")
    outside.write_text("secret")
    (inside.parent / "link.txt").symlink_to(outside)
    task = BulkTask(
        "words", "path", WordEngine, lambda data, path: data.decode(), bytes,
        lambda text: {"text": text}, list, max_bytes=100,
    )  # fmt: skip
    rows = EngineRows(task, Batching(), (str(inside.parent),))
    paths = [str(inside), str(inside.parent / "link.txt"), str(inside.parent / "gone.txt")]
    made = rows.rows([Input(path, path) for path in paths])
    rows.close()
    assert [row.get("text") or row["error_code"] for row in made] == ["HELLO", "access_denied", "not_found"]


def test_a_problem_of_the_listing_is_a_failed_row() -> None:
    task = BulkTask("words", "path", WordEngine, lambda data, path: data.decode(), bytes, dict, list, max_bytes=100)
    rows = EngineRows(task, Batching(), ())
    (row,) = rows.rows([Input("x", "x", problem="it is cursed")])
    rows.close()
    assert (row["status"], row["error_message"]) == ("failed", "it is cursed")


def test_a_model_that_does_not_load_says_so() -> None:
    def load() -> Any:
        raise EngineFailed("no model")

    task = BulkTask("words", "path", load, lambda data, path: "", bytes, dict, list, max_bytes=1)
    with pytest.raises(EngineFailed, match="no model"):
        EngineRows(task, Batching(), ())


def test_no_more_than_a_batch_lies_decoded_ahead() -> None:
    prepared: list[str] = []
    ahead: list[int] = []

    class Slow(WordEngine):
        def prepare(self, request: str) -> list[str]:
            prepared.append(request)
            return super().prepare(request)

        def infer(self, units: Sequence[str]) -> list[str | Exception]:
            if not ahead:
                time.sleep(0.3)
                ahead.append(len(prepared))
            return super().infer(units)

    task = BulkTask(
        "words", "text", Slow, lambda data, path: data.decode(), lambda: b"word",
        lambda text: {"text": text}, list, max_bytes=100,
    )  # fmt: skip
    rows = EngineRows(task, Batching(max_batch_size=50, max_batch_cost=4), (), prepare_threads=3)
    made = rows.rows([Input(f"t#{number}", "t", number, "aa") for number in range(40)])
    rows.close()
    assert [row["text"] for row in made] == ["AA"] * 40
    # Two in the model, one that did not fit, two ahead, and three threads that had begun when the limit was reached.
    assert ahead[0] <= 8


def test_an_engine_that_answers_too_little_fails_its_units() -> None:
    class Short(WordEngine):
        def infer(self, units: Sequence[str]) -> list[str | Exception]:
            return super().infer(units)[:-1]

    task = BulkTask(
        "words", "text", Short, lambda data, path: data.decode(), lambda: b"word", dict, list, max_bytes=100
    )
    rows = EngineRows(task, Batching(), ())
    made = rows.rows([Input("a", "t", 0, "a"), Input("b", "t", 1, "b")])
    rows.close()
    assert [row["error_code"] for row in made] == ["engine_failed"] * 2
