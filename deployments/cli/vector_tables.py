"""Vectors as JSON lines, as a table, or as a table of how alike the texts are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployments.cli.exit_status import CommandFailed, complain, printable
from deployments.cli.output import Output
from deployments.cli.vectors import Vector

if TYPE_CHECKING:
    from rich.console import RenderableType

_FIRST = 4
"""Numbers of a vector in the table."""
_MOST_COMPARED = 50
"""Texts in a table of cosines; JSON has no limit."""
_WIDTH = 60


class Vectors:
    """
    Args:
        similarity: cosines of all pairs instead of the vectors.
    """

    def __init__(self, output: Output, similarity: bool) -> None:
        self._output = output
        self._similarity = similarity
        self._kept: list[Vector] = []

    def add(self, vector: Vector) -> None:
        """Print it at once where that is possible."""
        if self._output.json and not self._similarity:
            self._output.record(vector.record())
        else:
            self._kept.append(vector)

    def end(self) -> None:
        """Print what had to wait for the last vector.

        Raises:
            CommandFailed: too many texts for a table of cosines.
        """
        if not self._kept:
            return
        if not self._similarity:
            self._output.show(*_table(self._kept))
        elif self._output.json:
            texts = [vector.line.text for vector in self._kept]
            self._output.record({"texts": texts, "similarity": cosines([vector.embedding for vector in self._kept])})
        elif len(self._kept) > _MOST_COMPARED:
            raise CommandFailed(f"{len(self._kept)} texts are too many for a table of cosines; take --json")
        else:
            self._output.show(*_cosine_table(self._kept))
        truncated = sum(vector.truncated for vector in self._kept)
        if truncated and self._similarity:
            complain(f"{truncated} texts were longer than the model's {self._kept[0].max_tokens} tokens and cut there")


def cosines(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """Of every pair, -1..1; 0 with a vector that is all zeros."""
    lengths = [math.sqrt(sum(value * value for value in vector)) for vector in vectors]

    def cosine(one: int, other: int) -> float:
        product = lengths[one] * lengths[other]
        dot = sum(a * b for a, b in zip(vectors[one], vectors[other], strict=True))
        return round(max(-1.0, min(1.0, dot / product)), 6) if product else 0.0

    return [[cosine(one, other) for other in range(len(vectors))] for one in range(len(vectors))]


def _table(vectors: Sequence[Vector]) -> tuple[RenderableType, ...]:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="dim")
    grid.add_column("text", max_width=_WIDTH, ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column("tokens", justify="right")
    grid.add_column(f"first {_FIRST} numbers", no_wrap=True)
    for vector in vectors:
        tokens = f"{vector.tokens} > {vector.max_tokens}" if vector.truncated else str(vector.tokens)
        first = " ".join(f"{value:+.4f}" for value in vector.embedding[:_FIRST])
        text = Text(printable(" ".join(vector.line.text.split())))
        grid.add_row(text, Text(tokens, "yellow" if vector.truncated else ""), f"{first} ...")
    last = vectors[-1]
    facts = [f"{len(vectors)} vector{'s' * (len(vectors) > 1)}", f"{last.dim} dimensions", last.model, last.version]
    if truncated := sum(vector.truncated for vector in vectors):
        facts.append(f"[yellow]{truncated} cut at {last.max_tokens} tokens[/]")
    return grid, f"[dim]{' · '.join(facts)} · all numbers: --json[/]"


def _cosine_table(vectors: Sequence[Vector]) -> tuple[RenderableType, ...]:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="dim")
    grid.add_column("", justify="right", style="dim")
    grid.add_column("text", max_width=_WIDTH, ratio=1, no_wrap=True, overflow="ellipsis")
    for number in range(len(vectors)):
        grid.add_column(str(number + 1), justify="right")
    for number, row in enumerate(cosines([vector.embedding for vector in vectors])):
        shades = ["bold green" if cosine >= 0.7 else "" if cosine >= 0.4 else "dim" for cosine in row]
        cells = [
            Text("·" if column == number else f"{cosine:.2f}", "dim" if column == number else shades[column])
            for column, cosine in enumerate(row)
        ]
        text = Text(printable(" ".join(vectors[number].line.text.split())))
        grid.add_row(str(number + 1), text, *cells)
    return grid, "[dim]cosine of each pair: 1 is the same meaning, around 0 nothing in common[/]"
