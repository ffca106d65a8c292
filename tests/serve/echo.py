"""A tiny service for tests of the serving layer: an engine that echoes, with faults on demand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from deployments.serving.engine import ModelCard
from deployments.serving.errors import InvalidInput


@dataclass(frozen=True)
class Echo:
    text: str
    seconds: float = 0.0


class EchoEngine:
    """Text in, text out, and the size of the batch it was in. `bad` is refused, `poison` raises, others pass."""

    card = ModelCard(model="echo", backend="fake", version="1")

    def prepare(self, request: Echo) -> Sequence[Echo]:
        if request.text == "bad":
            raise InvalidInput("'bad' is refused; send another word", field="text")
        return [Echo(word, request.seconds) for word in request.text.split()]

    def cost(self, unit: Echo) -> int:
        return max(1, len(unit.text))

    def infer(self, units: Sequence[Echo]) -> Sequence[tuple[str, int] | Exception]:
        if any(unit.text == "poison" for unit in units):
            raise RuntimeError("the model choked")
        time.sleep(max((unit.seconds for unit in units), default=0))
        return [
            InvalidInput("'fail' cannot be echoed") if unit.text == "fail" else (unit.text, len(units))
            for unit in units
        ]

    def assemble(self, request: Echo, units: Sequence[Echo], outcomes: Sequence[tuple[str, int]]) -> dict[str, object]:
        return {"text": " ".join(text for text, _ in outcomes), "batch": max((size for _, size in outcomes), default=0)}

    def warm_up(self) -> None:
        self.infer([Echo("warm")])

    def close(self) -> None: ...
