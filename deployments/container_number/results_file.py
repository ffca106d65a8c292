"""Readings of a folder as a table: `results.csv`, or `results.txt` as the old batch script wrote it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.serving.errors import InvalidInput

FORMATS = (".csv", ".txt")
_FIELDS = (
    *("number", "owner", "category", "serial", "check_digit", "size_type", "valid", "confidence", "needs_review"),
    *("reader", "model", "adapter"),
)
_COMPARED = ("number", "valid", "confidence", "needs_review")


@dataclass(frozen=True, slots=True)
class PictureResult:
    """One picture as one source read it."""

    image: Path
    source: str
    numbers: tuple[dict[str, Any], ...] = ()
    """As `POST /read` gives them, best first."""
    error: str | None = None
    """What was wrong with this picture."""


def check_format(output: Path) -> None:
    """
    Raises:
        InvalidInput: neither `.csv` nor `.txt`, or its folder does not exist: better said before the reading.
    """
    if output.suffix.lower() not in FORMATS:
        raise InvalidInput(f"{output} ends neither in .csv nor in .txt; name one of the two", output=str(output))
    if not output.parent.is_dir():
        raise InvalidInput(f"there is no folder {output.parent} to write {output.name} to", output=str(output))


def write_results(output: Path, results: Sequence[PictureResult], sources: Sequence[str]) -> None:
    """Write the table in the format of its suffix: one row a number of one source, one row a picture of several.

    Args:
        results: every picture by every source, in any order.
        sources: their names, in the order of the columns.

    Raises:
        InvalidInput: see `check_format`.
    """
    check_format(output)
    rows = _compared_rows(results, sources) if len(sources) > 1 else _rows(results)
    text = _as_csv(rows) if output.suffix.lower() == ".csv" else _as_text(results, sources)
    # With a byte order mark, without which Excel takes UTF-8 for the machine's own code page.
    output.write_text(text, encoding="utf-8-sig" if output.suffix.lower() == ".csv" else "utf-8", newline="")


def summary(results: Sequence[PictureResult], sources: Sequence[str]) -> list[str]:
    """One line a source: pictures with a number, certain ones, failures; then how often all agree."""
    lines = []
    for source in sources:
        own = [result for result in results if result.source == source]
        found = [result for result in own if result.numbers]
        certain = sum(any(not number["needs_review"] for number in result.numbers) for result in found)
        failed = sum(result.error is not None for result in own)
        lines.append(f"{source}: {len(found)} of {len(own)} pictures have a number, {certain} certain, {failed} failed")
    if len(sources) > 1:
        pictures = _by_picture(results)
        agreed = sum(_agree(list(of.values())) for of in pictures.values())
        lines.append(f"all agree on {agreed} of {len(pictures)} pictures")
    return lines


def _rows(results: Sequence[PictureResult]) -> list[dict[str, Any]]:
    rows = []
    for result in results:
        empty: dict[str, Any] = dict.fromkeys((*_FIELDS, "box"), "")
        for number in result.numbers or (empty,):
            row = {"image": result.image.name} | {name: number.get(name) for name in _FIELDS}
            box = " ".join(f"{x:g},{y:g}" for x, y in number.get("box") or ())
            rows.append(row | {"box": box, "error": result.error or ""})
    return rows


def _compared_rows(results: Sequence[PictureResult], sources: Sequence[str]) -> list[dict[str, Any]]:
    """Several numbers of one picture share a cell, separated by blanks."""
    rows = []
    for image, of in _by_picture(results).items():
        row: dict[str, Any] = {"image": image.name}
        for source in sources:
            numbers = of[source].numbers
            for name in _COMPARED:
                row[f"{source} {name}"] = " ".join(_plain(number.get(name)) for number in numbers)
        row["agree"] = _plain(_agree(list(of.values())))
        row["error"] = "; ".join(dict.fromkeys(f"{one.error}" for one in of.values() if one.error))
        rows.append(row)
    return rows


def _by_picture(results: Sequence[PictureResult]) -> dict[Path, dict[str, PictureResult]]:
    pictures: dict[Path, dict[str, PictureResult]] = {}
    for result in results:
        pictures.setdefault(result.image, {})[result.source] = result
    return pictures


def _agree(results: Sequence[PictureResult]) -> bool:
    """Whether all read the same numbers, at least one."""
    read = [{number["number"] for number in result.numbers} for result in results]
    return bool(read[0]) and all(numbers == read[0] for numbers in read)


def _as_csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]) if rows else ["image"])
    writer.writeheader()
    writer.writerows({name: _safe(_plain(value)) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def _as_text(results: Sequence[PictureResult], sources: Sequence[str]) -> str:
    lines: list[str] = []
    for image, of in _by_picture(results).items():
        lines.append(image.name)
        for source in sources:
            result = of[source]
            words = [_words(number) for number in result.numbers] or [
                f"failed: {result.error}" if result.error else "-"
            ]
            lines += [f"  {source + ':':<{max(map(len, sources)) + 2}}{word}" for word in words]
    return "\n".join([*lines, "", *summary(results, sources), ""])


def _words(number: dict[str, Any]) -> str:
    read = number["number"] or f"{number['text']} (check digit not read)"
    review = "  NEEDS REVIEW" if number["needs_review"] else ""
    return f"{read}  {number['size_type'] or '    '}  {number['confidence']:.2f}{review}"


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _safe(cell: str) -> str:
    """A cell that a spreadsheet would run as a formula is written as text (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
