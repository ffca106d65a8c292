"""Served vectors are sentence-transformers' own, and what is said about tokens is true."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.embedding.backends.openvino import OpenVINOBackend
from deployments.embedding.engine import EmbeddingEngine, load_engine
from deployments.embedding.types import EmbeddingConfig, EmbeddingRequest
from deployments.serving.errors import BackendMissing, UnsupportedOption
from deployments.serving.weights import WeightsMissing
from tests.unit.embedding.conftest import cosines, embed

TEXTS = (
    "hello",
    "The container TEMU 123456 7 is ready for inspection at gate seven.",
    "베이징 차오양, 디지털 기술로 농업 새로운 발전 이끌어",
    "컨테이너 번호를 확인해 주세요. The crane stopped at 06:30. 🏗️",
    "😀🎉👩‍👩‍👧‍👦🇰🇷",
    "Ünïcödé ﬁ ligature, ½ Ω ≈ ∑, عربى, עברית, 漢字かな交じり文",
    "tabs\tand\nnew lines\r\n, NUL \x00, bell \x07, zero\u200bwidth",
    "   ",
    "\x00",
    "word " * 120,
    "only the first tokens of this one are read " * 40,
    "1234567890" * 90,
    "한국어로 된 긴 글입니다. " * 70,
    *(" ".join(f"word{number}" for number in range(count)) for count in range(1, 60, 4)),
)


def test_openvino_gives_the_librarys_vectors(engine: EmbeddingEngine, plain_library: Any) -> None:
    expected = plain_library.encode(list(TEXTS), normalize_embeddings=True)

    result = embed(engine, EmbeddingRequest(TEXTS))

    assert cosines(result.vectors, expected).min() >= 0.999
    np.testing.assert_allclose(np.linalg.norm(result.vectors, axis=1), 1, atol=1e-5)


def test_token_counts_and_truncation_are_the_librarys(engine: EmbeddingEngine, plain_library: Any) -> None:
    result = embed(engine, EmbeddingRequest(TEXTS))

    counts = [len(plain_library.tokenizer(text, truncation=False, verbose=False)["input_ids"]) for text in TEXTS]
    assert list(result.tokens) == counts
    assert list(result.truncated) == [count > plain_library.max_seq_length for count in counts]
    assert True in result.truncated
    assert result.tokens_read == sum(min(count, plain_library.max_seq_length) for count in counts)


def test_truncated_dimensions_are_the_librarys(engine: EmbeddingEngine, plain_library: Any) -> None:
    expected = plain_library.encode(list(TEXTS[:4]), normalize_embeddings=True, truncate_dim=64)

    result = embed(engine, EmbeddingRequest(TEXTS[:4], dimensions=64))

    assert result.vectors.shape == (4, 64)
    assert cosines(result.vectors, expected).min() >= 0.999


def test_a_text_means_the_same_alone_and_in_company(engine: EmbeddingEngine) -> None:
    together = embed(engine, EmbeddingRequest(TEXTS)).vectors
    alone = np.stack([embed(engine, EmbeddingRequest((text,))).vectors[0] for text in TEXTS])

    assert cosines(together, alone).min() >= 0.9999


def test_the_card_names_model_and_weights(engine: EmbeddingEngine) -> None:
    card = engine.card

    assert (card.model, card.backend, card.version) == ("all-MiniLM-L6-v2", "openvino", "sha256:53aa51172d14")
    assert (card.notes["dimensions"], card.notes["max_tokens"]) == (384, 256)
    assert card.notes["published_as"] == "sentence-transformers/all-MiniLM-L6-v2"


def test_tokenising_in_several_threads_is_safe(engine: EmbeddingEngine) -> None:
    expected = engine.prepare(EmbeddingRequest(TEXTS))
    with ThreadPoolExecutor(4) as pool:
        for units in pool.map(lambda _: engine.prepare(EmbeddingRequest(TEXTS)), range(20)):
            assert units == expected


def test_max_tokens_may_be_lowered_but_not_raised(small_models: dict[str, Path], cache_dir: Path) -> None:
    config = EmbeddingConfig(str(small_models["mean"]), cache_dir=str(cache_dir), max_tokens=8)
    result = embed(load_engine(config), EmbeddingRequest(("one two three four five six seven eight",)))
    assert (result.tokens, result.truncated, result.tokens_read) == ((10,), (True,), 8)

    with pytest.raises(UnsupportedOption, match="reads 3 to 64"):
        load_engine(EmbeddingConfig(str(small_models["mean"]), cache_dir=str(cache_dir), max_tokens=65))


@pytest.mark.parametrize("layout", ["cls", "mean", "max"])
@pytest.mark.parametrize("backend", ["openvino", "torch"])
@pytest.mark.parametrize("normalize", [True, False])
def test_other_layouts_give_the_librarys_vectors(
    small_models: dict[str, Path], cache_dir: Path, layout: str, backend: str, normalize: bool
) -> None:
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(small_models[layout]), device="cpu", local_files_only=True)
    expected = library.encode(list(TEXTS), normalize_embeddings=normalize)
    config = EmbeddingConfig(
        str(small_models[layout]), backend=backend, device="cpu", precision="f32", cache_dir=str(cache_dir)
    )

    loaded = load_engine(config)
    result = embed(loaded, EmbeddingRequest(TEXTS, normalize=normalize))

    np.testing.assert_allclose(result.vectors, expected, atol=2e-4)
    assert loaded.card.model == f"small-{layout}"
    assert loaded.card.notes["normalized_by_model"] is (layout == "cls")


def test_torch_in_bfloat16_is_close_enough_to_serve(plain_library: Any) -> None:
    loaded = load_engine(EmbeddingConfig(backend="torch", device="cpu", precision="bf16"))
    expected = plain_library.encode(list(TEXTS[:5]), normalize_embeddings=True)
    assert cosines(embed(loaded, EmbeddingRequest(TEXTS[:5])).vectors, expected).min() >= 0.999


def test_a_backend_that_does_not_reproduce_the_model_is_refused(
    small_models: dict[str, Path], cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments.serving.errors import EngineFailed

    honest = OpenVINOBackend.encode
    monkeypatch.setattr(OpenVINOBackend, "encode", lambda self, ids, mask: honest(self, ids[:, ::-1].copy(), mask))
    with pytest.raises(EngineFailed, match="does not reproduce small-cls"):
        load_engine(EmbeddingConfig(str(small_models["cls"]), cache_dir=str(cache_dir)))


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (EmbeddingConfig(precision="int3"), UnsupportedOption),
        (EmbeddingConfig(performance_hint="fast"), UnsupportedOption),
        (EmbeddingConfig(device="GPU.7"), BackendMissing),
        (EmbeddingConfig(backend="torch", device="cuda:99"), BackendMissing),
        (EmbeddingConfig(backend="torch", precision="int3"), UnsupportedOption),
        (EmbeddingConfig(model="/nowhere/at/all"), WeightsMissing),
        (EmbeddingConfig(model="/"), WeightsMissing),
    ],
)
def test_what_cannot_be_loaded_says_so(config: EmbeddingConfig, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        load_engine(config)


def test_a_later_start_needs_no_torch_and_none_reports_to_anyone(engine: EmbeddingEngine, cache_dir: Path) -> None:
    code = f"""
import sys
from deployments.embedding.engine import *
load_engine(EmbeddingConfig(cache_dir={str(cache_dir)!r})).warm_up()
unwanted = ["torch", "transformers", "sentence_transformers", "openvino_telemetry"]
sys.exit(" ".join(name for name in unwanted if sys.modules.get(name)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
