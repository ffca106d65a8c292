"""The same crops read by several readers, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deployments.container_number.adapters import BASE, AdapterInfo, FlorenceReader
from deployments.container_number.lookalikes import read_number
from training.fine_tuning.examples import Example, open_images
from training.scoring import Scores, confusions, edit_distance, normalise, score

Reader = Callable[[Sequence[Path]], Sequence[tuple[str, float]]]
"""Pictures in, (text, confidence 0..1) out, in the same order."""
TUNED = "tuned"


@dataclass(frozen=True, slots=True)
class Item:
    """One crop as one reader read it."""

    image: Path
    truth: str
    text: str
    confidence: float
    needs_review: bool
    """After ISO 6346 and confidence were asked, see `lookalikes.read_number`."""
    reported: str
    """The number that the service would report, corrected look-alikes included; empty where there is none."""

    @property
    def right(self) -> bool:
        return normalise(self.text) == self.truth

    @property
    def errors(self) -> int:
        return edit_distance(normalise(self.text), self.truth)


@dataclass(frozen=True, slots=True)
class Readings:
    """One reader on one set of crops."""

    dataset: str
    reader: str
    items: tuple[Item, ...]

    @property
    def scores(self) -> Scores:
        return score([item.text for item in self.items], [item.truth for item in self.items])

    @property
    def confusions(self) -> list[tuple[str, str, int]]:
        """(true, read, times) of wrong characters, most frequent first."""
        counted = confusions([item.text for item in self.items], [item.truth for item in self.items])
        return [(true, read, times) for (true, read), times in counted.most_common() if true != read]

    @property
    def certain(self) -> tuple[int, int]:
        """(readings reported without review, those of them that are wrong)."""
        certain = [item for item in self.items if not item.needs_review]
        return len(certain), sum(item.reported != item.truth for item in certain)

    def as_dict(self) -> dict[str, Any]:
        certain, wrong = self.certain
        return {
            "dataset": self.dataset,
            "reader": self.reader,
            **self.scores.as_dict(),
            "certain": certain,
            "certain_but_wrong": wrong,
            "confusions": [list(entry) for entry in self.confusions],
            "wrong": [
                {**asdict(item), "image": str(item.image), "errors": item.errors}
                for item in self.items
                if not item.right
            ],
        }


def read_with(name: str, reader: Reader, dataset: str, examples: Sequence[Example]) -> Readings:
    """Any reader on a set of crops."""
    read = reader([example.image for example in examples])
    return Readings(
        dataset,
        name,
        tuple(_item(example, *entry) for example, entry in zip(examples, read, strict=True)),
    )


def compare_adapter(
    base_folder: Path,
    adapter_folder: Path,
    datasets: dict[str, Sequence[Example]],
    device: str = "cpu",
    batch_size: int = 16,
) -> list[Readings]:
    """Base and tuned model on every set, base first."""
    reader = FlorenceReader(base_folder, device)
    reader.load_adapter(AdapterInfo(TUNED, adapter_folder, None, 0, {}))
    compared = []
    for dataset, examples in datasets.items():
        for name in (BASE, TUNED):
            items: list[Item] = []
            for start in range(0, len(examples), batch_size):
                some = examples[start : start + batch_size]
                texts = reader.read(open_images(some), name)
                items += [
                    _item(example, text.text, text.confidence, text.character_confidences)
                    for example, text in zip(some, texts, strict=True)
                ]
            compared.append(Readings(dataset, name, tuple(items)))
    return compared


def _item(example: Example, text: str, confidence: float, characters: Sequence[float] | None = None) -> Item:
    reading = read_number(text, confidence, characters)
    reported = reading.number.number if reading.number else ""
    return Item(example.image, normalise(example.text), text, confidence, reading.needs_review, reported)
