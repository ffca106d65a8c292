from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from training.comparison import Readings, read_with
from training.fine_tuning.examples import Example
from training.fine_tuning.state import Progress
from training.report import worst_items, write_report

NUMBERS = ("CSQU3054383", "TEMU1234565", "MSKU1234565")
MANIFEST = {
    "name": "yard <7>",
    "base": {"source": "package:nano", "revision": None, "weights_sha256": "0" * 64},
    "dataset_sha256": "1" * 64,
    "reading": {"prompt": "<OCR>"},
    "settings": {"rank": 8, "epochs": 2},
    "versions": {"torch": "2"},
}
PROGRESS = Progress(
    epoch=2,
    step=20,
    best_loss=0.1,
    best_epoch=2,
    starts=2,
    losses=[(step, 1 / step) for step in range(1, 21)],
    evaluations=[
        {"epoch": epoch, "step": epoch * 10, "eval_loss": 0.4 / epoch, "exact_match": 0.4, "character_error_rate": 0.1}
        for epoch in (1, 2)
    ],
)


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    made = []
    for index, number in enumerate(NUMBERS):
        file = tmp_path / f"{index}.png"
        Image.new("RGB", (300, 50), (30 * index, 60, 90)).save(file)
        made.append(Example(file, "<OCR>", number))
    return made


def readings(reader: str, texts: list[str], examples: list[Example], confidence: float = 0.9) -> Readings:
    return read_with(reader, lambda _: [(text, confidence) for text in texts], "validation", examples)


class Tags(HTMLParser):
    """Open tags, and whether each was closed in order."""

    VOID = frozenset({"meta", "img", "br", "line", "rect", "circle", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_page_and_figures_tell_the_same(examples: list[Example], tmp_path: Path) -> None:
    base = readings("base", ["XXXX", "TEMU1234565", "MSKU12345"], examples)
    tuned = readings("tuned", ["CSQU3054383", "TEMU1234585", "MSKU1234565"], examples)
    ocr = readings("ocr", ["CSQU 305438 3", "", "MSKU1234565"], examples)
    page, figures = tmp_path / "report.html", tmp_path / "report.json"
    write_report(page, figures, MANIFEST, PROGRESS, [base, tuned, ocr])
    written = json.loads(figures.read_text())
    assert [(one["reader"], one["exact_match"]) for one in written["readings"]] == [
        ("base", 1 / 3),
        ("tuned", 2 / 3),
        ("ocr", 2 / 3),
    ]
    assert written["readings"][1]["wrong"][0]["truth"] == "TEMU1234565"
    assert ["6", "8", 1] in written["readings"][1]["confusions"]
    text = page.read_text()
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.seen.count("figure") == 1
    assert "66.7%" in text
    assert "yard &lt;7&gt;" in text
    assert "<7>" not in text
    assert "TEMU12345<mark>8</mark>5" in text
    assert 'src="data:image/jpeg;base64,' in text
    assert "<script" not in text


def test_a_perfect_reader_has_no_worst_readings(examples: list[Example], tmp_path: Path) -> None:
    compared = [readings(name, list(NUMBERS), examples) for name in ("base", "tuned")]
    write_report(tmp_path / "r.html", tmp_path / "r.json", MANIFEST, PROGRESS, compared)
    assert "all 3 crops were read right" in (tmp_path / "r.html").read_text()


def test_wrong_numbers_told_as_certain_come_first(examples: list[Example]) -> None:
    # MSKU1234565 for TEMU1234565 is a valid number, and the wrong one.
    tuned = readings("tuned", ["XXXXXXXXXXX", "MSKU1234565", "MSKU1234565"], examples)
    order = [item.truth for _, item in worst_items(tuned)]
    assert order == ["TEMU1234565", "CSQU3054383"]
    assert tuned.certain == (2, 1)
