"""Vectors of texts, fetched in batches: a text that the service refuses fails alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployments.cli.each import for_each
from deployments.cli.exit_status import complain
from deployments.cli.output import Output
from deployments.cli.texts import Line

if TYPE_CHECKING:
    from deployments.client import AsyncSensorium, RejectedRequest
    from deployments.client.embedding import EmbeddingBatch


@dataclass(frozen=True, slots=True)
class Vector:
    """One text's."""

    line: Line
    embedding: tuple[float, ...]
    dim: int
    model: str
    version: str
    """Of the weights: vectors of two versions must not be compared."""
    tokens: int
    truncated: bool
    max_tokens: int

    def record(self) -> dict[str, Any]:
        """For JSON."""
        source = {"source": self.line.source} if self.line.source else {}
        facts = {name: getattr(self, name) for name in ("dim", "model", "version", "tokens", "truncated", "max_tokens")}
        return source | {"text": self.line.text} | facts | {"embedding": self.embedding}


@dataclass(frozen=True, slots=True)
class _Answer:
    vectors: tuple[Vector, ...]
    refused: tuple[tuple[Line, str], ...]


async def vectors_of(
    client: AsyncSensorium,
    lines: Sequence[Line],
    normalize: bool,
    timeout_s: float,
    show: Callable[[Vector], None],
    output: Output,
) -> int:
    """Show the vector of every line, in order; the number of lines that failed, each said on stderr.

    Raises:
        CommandFailed: as of `for_each`.
    """
    from deployments.client.embedding import MAX_TEXTS

    failed = 0

    async def call(batch: Sequence[Line]) -> _Answer:
        return await _embed(client, batch, normalize, timeout_s)

    def take(batch: Sequence[Line], answer: _Answer) -> None:
        nonlocal failed
        for vector in answer.vectors:
            show(vector)
        for line, reason in answer.refused:
            complain(f"{line.name}: {reason}")
        failed += len(answer.refused)

    batches = [lines[start : start + MAX_TEXTS] for start in range(0, len(lines), MAX_TEXTS)]
    lost = await for_each(batches, lambda batch: batch[0].name, call, take, output)
    return failed + lost


async def _embed(client: AsyncSensorium, lines: Sequence[Line], normalize: bool, timeout_s: float) -> _Answer:
    """Asked again without the text that the service names, as often as it names one."""
    from deployments.client import RejectedRequest

    left = list(lines)
    refused: list[tuple[Line, str]] = []
    while left:
        try:
            texts = [line.text for line in left]
            reply = await client.embedding.embed_batch(texts, normalize=normalize, timeout_s=timeout_s)
        except RejectedRequest as error:
            index = error.details.get("index")
            if not isinstance(index, int) or not 0 <= index < len(left):
                raise
            refused.append((left.pop(index), _reason(error)))
        else:
            return _Answer(_vectors(left, reply), tuple(refused))
    return _Answer((), tuple(refused))


def _reason(error: RejectedRequest) -> str:
    """Without the number of the text in a batch that the person did not make."""
    return re.sub(r"^texts\[\d+\]", "the text", str(error))


def _vectors(lines: Sequence[Line], reply: EmbeddingBatch) -> tuple[Vector, ...]:
    rows = zip(lines, reply.embeddings, reply.tokens, reply.truncated, strict=True)
    return tuple(
        Vector(line, embedding, reply.dim, reply.model, reply.version, tokens, truncated, reply.max_tokens)
        for line, embedding, tokens, truncated in rows
    )
