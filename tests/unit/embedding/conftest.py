"""Models that the embedding tests share: the embedded one, and small ones of other layouts made here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from deployments.embedding.engine import EmbeddingEngine, load_engine
from deployments.embedding.routes import build_router
from deployments.embedding.types import EmbeddingConfig, EmbeddingLimits, EmbeddingRequest, EmbeddingResult, Vectors
from deployments.serving.weights import resolve
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings


class DirectRunner:
    """A Runner without batching: each request goes through the four verbs alone."""

    def __init__(self, engine: EmbeddingEngine) -> None:
        self.engine = engine
        self.requests: list[EmbeddingRequest] = []

    @property
    def card(self) -> Any:
        return self.engine.card

    async def run(
        self, request: EmbeddingRequest, on_outcome: Callable[[int, int, Any], None] | None = None
    ) -> EmbeddingResult:
        self.requests.append(request)
        return embed(self.engine, request)


class _Ready:
    def __init__(self, runner: DirectRunner) -> None:
        self._runner = runner

    def health(self) -> Health:
        return Health.of_card(self._runner.card)


def client_of(runner: DirectRunner, limits: EmbeddingLimits) -> httpx.AsyncClient:
    """An HTTP client of the embedding service, inside this process."""
    app = create_app(
        service="embedding",
        title="Embedding",
        version="test",
        routers=[build_router(runner, limits)],
        health=_Ready(runner),
        settings=WebSettings(access_log=False),
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def embed(engine: EmbeddingEngine, request: EmbeddingRequest) -> EmbeddingResult:
    units = engine.prepare(request)
    vectors = []
    for outcome in engine.infer(units):
        if isinstance(outcome, Exception):
            raise outcome
        vectors.append(outcome)
    return engine.assemble(request, units, vectors)


def cosines(left: Vectors, right: Vectors) -> Any:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.sum(left * right, axis=1) / norms


@pytest.fixture(scope="package")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(scope="package")
def engine(cache_dir: Path) -> Iterator[EmbeddingEngine]:
    """all-MiniLM-L6-v2 on OpenVINO, in the precision that this CPU takes by itself."""
    loaded = load_engine(EmbeddingConfig(cache_dir=str(cache_dir)))
    yield loaded
    loaded.close()


@pytest.fixture(scope="package")
def plain_library() -> Any:
    """all-MiniLM-L6-v2 in sentence-transformers itself, float32."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(resolve(EmbeddingConfig().model)), device="cpu", local_files_only=True)


@pytest.fixture(scope="package")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random weights, three layouts: `cls` has a Dense of 16 and Normalize, `mean` and `max` end with the pooling."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

    embedded = resolve(EmbeddingConfig().model)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(7)
    transformers = {
        "cls": BertModel(BertConfig(vocab_size=30522, **sizes)),
        # Positions are counted from the padding's id, so wrong padding shows.
        "mean": XLMRobertaModel(
            XLMRobertaConfig(vocab_size=30522, max_position_embeddings=66, pad_token_id=0, **sizes)
        ),
        "max": BertModel(BertConfig(vocab_size=30522, **sizes)),
    }
    folders = {}
    for pooling, transformer in transformers.items():
        base = tmp_path_factory.mktemp(f"base-{pooling}")
        transformer.save_pretrained(base)
        for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
            shutil.copy(embedded / name, base / name)
        modules = [Transformer(str(base), max_seq_length=64), Pooling(32, pooling)]
        if pooling == "cls":
            modules += [Dense(32, 16), Normalize()]
        folders[pooling] = tmp_path_factory.mktemp("models") / f"small-{pooling}"
        SentenceTransformer(modules=modules).save(str(folders[pooling]), create_model_card=False)
    return folders
