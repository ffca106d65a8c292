"""Labels that people write: which container number is in which picture.

The file is the old scripts' (`{"images": [{"image_path", "container_number", "owner_code", "serial_number",
"check_digit"}]}`). `annotation_template.write_template` starts one; `check` says everything that is wrong with one,
entry by entry.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from deployments.container_number.iso6346 import compact, parse
from deployments.container_number.types import ContainerNumber
from deployments.serving.errors import InvalidInput

TODO = "TODO"
PARTS = ("owner_code", "serial_number", "check_digit")

Kind = Literal[
    "unreadable_file",
    "missing_key",
    "todo",
    "part_todo",
    "missing_image",
    "unreadable_image",
    "wrong_format",
    "wrong_check_digit",
    "parts_disagree",
    "unreviewed_guess",
    "duplicate_image",
    "discouraged_number",
]
# What keeps an entry from being trained on; the other kinds are only mentioned.
_NOTICES: frozenset[Kind] = frozenset({"discouraged_number", "part_todo"})
# What cannot be trained on even if told to, because there is no picture or no text.
UNUSABLE: frozenset[Kind] = frozenset(
    {"unreadable_file", "missing_key", "todo", "missing_image", "unreadable_image", "wrong_format"}
)


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    entry: int | None
    """Place in the `images` list, from 0; None where the whole file is meant."""
    image: str
    kind: Kind
    message: str

    @property
    def is_notice(self) -> bool:
        """A notice does not keep a label from being used."""
        return self.kind in _NOTICES

    def __str__(self) -> str:
        place = self.file if self.entry is None else f"{self.file}, entry {self.entry} ({self.image})"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Label:
    """A usable entry: the picture is there and the text has the form of a container number."""

    entry: int
    image: Path
    number: ContainerNumber


@dataclass(frozen=True, slots=True)
class CheckReport:
    file: str
    entries: int
    labels: tuple[Label, ...]
    """Every entry that could be trained on, those with a problem included."""
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if not problem.is_notice)

    @property
    def ok(self) -> bool:
        return not self.errors

    def as_dict(self) -> dict[str, Any]:
        """JSON form: counts and every problem."""
        problems = [asdict(problem) | {"notice": problem.is_notice} for problem in self.problems]
        return {
            "file": self.file,
            "entries": self.entries,
            "usable": len(self.labels),
            "ok": self.ok,
            "problems": problems,
        }


def read_entries(file: Path) -> list[dict[str, Any]]:
    """The `images` list of an annotation file.

    Raises:
        InvalidInput: the file is gone, is not JSON, or has no list under `images`; the message names the line.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"{file} does not exist. `sensorium dataset template` writes one to fill in.", file=str(file)
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} is not JSON: {error}.", file=str(file)) from error
    entries = content.get("images") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInput(f'{file} has no list of objects under "images".', file=str(file))
    return entries


def find_image(path: str, file: Path) -> Path:
    """Where an entry's picture is: as written, else beside the annotation file. It may not exist."""
    written = Path(path)
    beside = file.parent / written
    return beside if not written.is_absolute() and beside.exists() else written


def check(file: str | Path) -> CheckReport:
    """Look at every entry and report every problem; raises nothing for a bad file."""
    path = Path(file)
    try:
        entries = read_entries(path)
    except InvalidInput as error:
        return CheckReport(str(path), 0, (), (Problem(str(path), None, "", "unreadable_file", error.message),))
    problems: list[Problem] = []
    labels: list[Label] = []
    if not entries:
        message = "There is no entry: the dataset is empty."
        problems.append(Problem(str(path), None, "", "unreadable_file", message))
    seen: dict[Path, int] = {}
    for index, entry in enumerate(entries):
        found, number, image = _check_entry(entry, path)
        if image is not None and image in seen:
            found.append(("duplicate_image", f"The same picture as entry {seen[image]}; keep one of them."))
        elif image is not None:
            seen[image] = index
        name = str(entry.get("image_path", ""))
        problems += [Problem(str(path), index, name, kind, message) for kind, message in found]
        kinds = {kind for kind, _ in found}
        if number is not None and image is not None and not kinds & (UNUSABLE | {"duplicate_image"}):
            labels.append(Label(index, image, number))
    return CheckReport(str(path), len(entries), tuple(labels), tuple(problems))


def _check_entry(
    entry: dict[str, Any], file: Path
) -> tuple[list[tuple[Kind, str]], ContainerNumber | None, Path | None]:
    found: list[tuple[Kind, str]] = []
    image = None
    name = entry.get("image_path")
    if not isinstance(name, str) or not name:
        found.append(("missing_key", '"image_path" is missing.'))
    else:
        image = find_image(name, file)
        found += _check_image(image)
    text = entry.get("container_number")
    if not isinstance(text, str):
        found.append(("missing_key", '"container_number" is missing.'))
        return found, None, image
    if TODO in text.upper():
        found.append(("todo", "container_number is still TODO."))
        return found, None, image
    try:
        number = parse(text)
    except InvalidInput as error:
        found.append(("wrong_format", error.message))
        return found, None, image
    if not number.valid:
        found.append(
            (
                "wrong_check_digit",
                f"{number.number} has check digit {number.check_digit}, {number.number[:10]} gives "
                f"{number.expected_check_digit}: one of the eleven characters is wrong.",
            )
        )
    if number.discouraged:
        message = f"{number.number[:10]} gives remainder 10, which ISO 6346 advises owners not to use."
        found.append(("discouraged_number", message))
    if entry.get("needs_review"):
        found.append(
            ("unreviewed_guess", "A reader's guess that nobody looked at: correct it and delete needs_review.")
        )
    found += _check_parts(entry, number)
    return found, number, image


def _check_image(image: Path) -> list[tuple[Kind, str]]:
    from PIL import Image, UnidentifiedImageError

    if not image.is_file():
        return [("missing_image", f"There is no picture at {image}.")]
    try:
        with Image.open(image) as opened:
            opened.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        return [("unreadable_image", f"{image} is not a picture that can be read: {error}.")]
    return []


def _check_parts(entry: dict[str, Any], number: ContainerNumber) -> list[tuple[Kind, str]]:
    """The parts repeat the number, so one that is still TODO is only mentioned; one that differs is an error."""
    expected = {
        # People write the owner code with or without its category letter.
        "owner_code": (number.owner_code, number.owner_code + number.category),
        "serial_number": (number.serial_number,),
        "check_digit": (number.check_digit,),
    }
    found: list[tuple[Kind, str]] = []
    for part in PARTS:
        value = entry.get(part)
        if value is None:
            continue
        if TODO in str(value).upper():
            found.append(("part_todo", f"{part} is still TODO; container_number says {expected[part][-1]}."))
        elif compact(str(value)) not in expected[part]:
            message = f"{part} is {value!r}, but container_number {number.number} says {expected[part][-1]!r}."
            found.append(("parts_disagree", message))
    return found
