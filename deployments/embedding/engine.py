"""Text in, vectors out: the embedding model as an Engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deployments.embedding import microbatches
from deployments.embedding.backends import Backend, open_backend
from deployments.embedding.checks import check_sizes, check_unicode
from deployments.embedding.types import EmbeddingConfig, EmbeddingRequest, EmbeddingResult, TokenizedText, Vectors
from deployments.serving.engine import BackendStatus, ModelCard
from deployments.serving.errors import EngineFailed, InvalidInput, UnsupportedOption

Vector = NDArray[np.float32]
"""float32, shape (dimensions,): the model's output before normalising and cutting."""


def load_engine(config: EmbeddingConfig) -> EmbeddingEngine:
    """Load the one model that `config` names, or fail: vectors of two models must not mix.

    Raises:
        WeightsMissing, WeightsCorrupt: see `deployments.serving.weights`.
        BackendMissing: the backend's library or device is not here.
        UnsupportedOption: unknown backend, device or precision, or not a text-embedding model.
        EngineFailed: the loaded backend does not reproduce the model's own vectors.
    """
    return EmbeddingEngine(open_backend(config), max_chars=config.max_chars, max_texts=config.max_texts)


class EmbeddingEngine:
    """Units are tokenised texts; an outcome is the model's own vector of one text."""

    def __init__(self, backend: Backend, *, max_chars: int = 100_000, max_texts: int = 10_000) -> None:
        self._backend = backend
        self._max_chars = max_chars
        self._max_texts = max_texts
        facts = backend.facts
        self._card = ModelCard(
            model=backend.model,
            backend=backend.name,
            version=backend.version,
            device=backend.device,
            backends=(BackendStatus(backend.name, loaded=True, model=backend.model),),
            notes={
                "published_as": backend.published_as,
                "dimensions": facts.dimensions,
                "max_tokens": facts.max_tokens,
                "precision": backend.precision,
                "normalized_by_model": facts.normalized,
            },
        )

    @property
    def card(self) -> ModelCard:
        return self._card

    def prepare(self, request: EmbeddingRequest) -> Sequence[TokenizedText]:
        """Check and tokenise. Safe in several threads at once.

        Raises:
            InvalidInput: no text, an empty text, a lone surrogate, or a text without any token.
            InputTooLarge: over the engine's own limits.
            UnsupportedOption: `dimensions` below 1 or above the model's.
        """
        check_sizes(request.texts, field=request.field, max_chars=self._max_chars, max_texts=self._max_texts)
        check_unicode(request.texts, field=request.field)
        available = self._backend.facts.dimensions
        if request.dimensions is not None and not 1 <= request.dimensions <= available:
            raise UnsupportedOption(
                f"dimensions is {request.dimensions}; this model gives 1 to {available}",
                field="dimensions",
                limit=available,
                actual=request.dimensions,
            )
        units = self._backend.tokenize(request.texts)
        for index, unit in enumerate(units):
            if not unit.ids:
                raise InvalidInput(
                    f"{request.field}[{index}] holds nothing that the model's tokenizer knows",
                    field=request.field,
                    index=index,
                )
        return units

    def cost(self, unit: TokenizedText) -> int:
        """Tokens the model reads. Padding is not counted: `infer` keeps it below one call's overhead per call."""
        return len(unit.ids)

    def infer(self, units: Sequence[TokenizedText]) -> Sequence[Vector | Exception]:
        """Equal token sequences are computed once; the rest is sorted by length and split into calls."""
        places: dict[tuple[int, ...], list[int]] = {}
        for place, unit in enumerate(units):
            places.setdefault(unit.ids, []).append(place)
        sequences = list(places)
        outcomes: list[Vector | Exception] = [EngineFailed("not computed")] * len(units)
        for group in microbatches.plan([len(ids) for ids in sequences], self._backend.microbatches):
            chosen = [sequences[index] for index in group]
            for ids, outcome in zip(chosen, self._encode(chosen), strict=True):
                for place in places[ids]:
                    outcomes[place] = outcome
        return outcomes

    def assemble(
        self, request: EmbeddingRequest, units: Sequence[TokenizedText], outcomes: Sequence[Vector]
    ) -> EmbeddingResult:
        vectors: Vectors = np.stack(outcomes)
        if request.dimensions is not None:
            vectors = np.ascontiguousarray(vectors[:, : request.dimensions])
        if request.normalize:
            vectors = _normalize(vectors)
        return EmbeddingResult(
            vectors=vectors,
            tokens=tuple(unit.tokens for unit in units),
            truncated=tuple(unit.truncated for unit in units),
            tokens_read=sum(len(unit.ids) for unit in units),
        )

    def warm_up(self) -> None:
        """A short and a long text: the library compiles its kernels per shape."""
        units = self._backend.tokenize(["warm", "warm up " * 200])
        for outcome in self.infer(units):
            if isinstance(outcome, Exception):
                raise outcome

    def close(self) -> None:
        self._backend.close()

    def _encode(self, sequences: Sequence[tuple[int, ...]]) -> list[Vector | Exception]:
        """One call of the model; where it raises, each sequence alone, so that only the culprit fails."""
        try:
            vectors = self._backend.encode(*microbatches.pad(sequences, self._backend.facts.pad_id))
        except Exception as error:  # noqa: BLE001 - whatever the library raises becomes this unit's error value
            if len(sequences) == 1:
                return [EngineFailed(f"{self._backend.name} failed on a text: {type(error).__name__}: {error}")]
            return [outcome for sequence in sequences for outcome in self._encode([sequence])]
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(vectors).all(axis=1))
        return [
            vector if good else EngineFailed(f"{self._backend.name} gave a vector that is not finite")
            for vector, good in zip(vectors, finite, strict=True)
        ]


def _normalize(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays (as torch.nn.functional.normalize with its eps of 1e-12)."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
