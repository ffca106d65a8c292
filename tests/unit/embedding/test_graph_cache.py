"""Converted graphs on disk: found again, replaced where damaged, built by two at once."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.embedding.backends import graph_cache
from deployments.embedding.backends.model_files import ModelFiles
from deployments.embedding.engine import load_engine
from deployments.embedding.types import EmbeddingConfig, EmbeddingRequest, Vectors
from deployments.serving import weights
from tests.unit.embedding.conftest import embed

REQUEST = EmbeddingRequest(("one text", "and another, longer text"))


def vectors_of(model: Path, cache: Path) -> Vectors:
    return embed(load_engine(EmbeddingConfig(str(model), precision="f32", cache_dir=str(cache))), REQUEST).vectors


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "embedding").iterdir())


@pytest.fixture(scope="module")
def converted() -> dict[str, graph_cache.Graph]:
    return {}


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch, converted: dict[str, graph_cache.Graph]) -> list[Path]:
    """Every conversion; one of the same files is not computed again, since it takes seconds."""
    done: list[Path] = []
    convert = graph_cache._convert

    def counted(folder: Path) -> graph_cache.Graph:
        done.append(folder)
        digest = ModelFiles(folder, "", "").digest()
        if digest not in converted:
            converted[digest] = convert(folder)
        return converted[digest]

    monkeypatch.setattr(graph_cache, "_convert", counted)
    return done


def test_a_second_start_reads_what_the_first_wrote(
    small_models: dict[str, Path], tmp_path: Path, conversions: list[Path]
) -> None:
    first = vectors_of(small_models["cls"], tmp_path)
    second = vectors_of(small_models["cls"], tmp_path)

    np.testing.assert_allclose(first, second, atol=1e-6)
    assert len(conversions) == 1
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize("name", ["model.bin", "model.xml", "tokenizer.json", "entry.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_entry_is_replaced(
    small_models: dict[str, Path], tmp_path: Path, conversions: list[Path], name: str, damage: str
) -> None:
    first = vectors_of(small_models["cls"], tmp_path)
    (entry,) = entries(tmp_path)
    content = bytearray((entry / name).read_bytes())
    (entry / name).unlink()
    if damage == "cut":
        (entry / name).write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[0] ^= 0xFF
        (entry / name).write_bytes(content)

    for _ in range(2):
        np.testing.assert_allclose(vectors_of(small_models["cls"], tmp_path), first, atol=1e-6)
    assert len(conversions) == 2
    assert entries(tmp_path) == [entry]


def test_other_weights_are_another_entry(
    small_models: dict[str, Path], tmp_path: Path, conversions: list[Path]
) -> None:
    vectors_of(small_models["cls"], tmp_path)
    vectors_of(small_models["max"], tmp_path)

    assert len(conversions) == 2
    assert len(entries(tmp_path)) == 2


def test_another_pooling_of_the_same_weights_is_another_entry(
    small_models: dict[str, Path], tmp_path: Path, conversions: list[Path]
) -> None:
    copy = tmp_path / "small-max"
    shutil.copytree(small_models["max"], copy)
    before = vectors_of(copy, tmp_path / "cache")
    config = copy / "1_Pooling" / "config.json"
    config.write_text(config.read_text().replace('"max"', '"mean"'))
    weights.sha256.cache_clear()  # a new process would not remember the old sum

    after = vectors_of(copy, tmp_path / "cache")

    assert len(conversions) == 2
    assert not np.allclose(before, after, atol=1e-3)


def test_a_cache_that_cannot_be_written_only_costs_time(
    small_models: dict[str, Path], tmp_path: Path, conversions: list[Path]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file stands where the folder should be")

    first = vectors_of(small_models["cls"], blocked)

    np.testing.assert_allclose(vectors_of(small_models["cls"], tmp_path / "good"), first, atol=1e-6)
    assert len(conversions) == 2


def test_two_processes_may_build_the_same_entry_at_once(small_models: dict[str, Path], tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        one, other = pool.starmap(vectors_of, [(small_models["cls"], tmp_path)] * 2, chunksize=1)

    np.testing.assert_allclose(one, other, atol=1e-6)
    assert len(entries(tmp_path)) == 1


def test_the_loser_of_a_race_keeps_the_winners_entry(
    small_models: dict[str, Path], tmp_path: Path, conversions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = vectors_of(small_models["cls"], tmp_path)
    (entry,) = entries(tmp_path)
    written = (entry / "entry.json").stat().st_mtime_ns
    # The first look finds nothing, as it was before the winner's rename.
    monkeypatch.setattr(graph_cache, "_read", _first_misses(graph_cache._read))

    np.testing.assert_allclose(vectors_of(small_models["cls"], tmp_path), winner, atol=1e-6)
    assert entries(tmp_path) == [entry]
    assert (entry / "entry.json").stat().st_mtime_ns == written
    assert len(conversions) == 2


def _first_misses(read: Callable[[Any, Path], graph_cache.Graph | None]) -> Callable[[Any, Path], Any]:
    looks = iter([lambda *_: None])
    return lambda core, entry: next(looks, read)(core, entry)
