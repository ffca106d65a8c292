"""From checked labels to a training and a validation set that share no picture."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deployments.container_number.prompts import DEFAULT_PROMPT
from deployments.serving.errors import InvalidInput
from training import similarity
from training.annotations import Label, Problem, check

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Split:
    train: tuple[Label, ...]
    validation: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` wrote."""

    train_file: Path
    validation_file: Path
    train: int
    validation: int
    near_duplicates: int
    """Pictures that had to stay beside one that looks the same."""
    numbers_on_both_sides: int
    """Container numbers with different pictures on either side."""
    owners: dict[str, tuple[int, int]]
    """Owner code -> (training, validation) pictures."""
    overlooked: tuple[Problem, ...]
    """Problems that the caller said to overlook."""
    dataset_hash: str
    """SHA-256 over texts and pictures of both sets."""


def prepare(
    file: str | Path,
    output: str | Path,
    validation_share: float = 0.2,
    seed: int = 0,
    allow_bad_labels: bool = False,
    prompt: str = DEFAULT_PROMPT,
) -> Prepared:
    """Split a checked annotation file and write `train.json`, `val.json`, the same as JSONL, and `dataset.json`.

    Items are `{"image", "prefix", "suffix"}`: the picture's absolute path, the prompt, the eleven characters.

    Args:
        validation_share: part of the pictures that goes to `val.json`.
        seed: the same seed and labels give the same split.
        allow_bad_labels: train on wrong check digits and unreviewed guesses too, and leave out what cannot be
            used at all; both are listed in the result.

    Raises:
        InvalidInput: labels are bad (each is named), the set is empty, or it has no two distinct pictures.
    """
    if not 0 < validation_share < 1:
        raise InvalidInput(f"validation_share is {validation_share}; give a share between 0 and 1.")
    report = check(file)
    if report.errors and (not allow_bad_labels or not report.entries):
        raise InvalidInput(_refusal(report.errors), problems=[str(problem) for problem in report.errors])
    if len(report.labels) < 2:
        raise InvalidInput(
            f"{file} has {len(report.labels)} usable picture(s); training and validation need at least one each. "
            "Label more pictures."
        )
    grouped = similarity.groups(similarity.hash_files([label.image for label in report.labels]))
    if len(grouped) < 2:
        raise InvalidInput(
            f"All {len(report.labels)} pictures in {file} look the same, so none can be held out. Add other pictures."
        )
    groups = [[report.labels[index] for index in group] for group in grouped]
    split = split_by_owner(groups, validation_share, seed)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    train_file = _write(folder / "train.json", split.train, prompt)
    validation_file = _write(folder / "val.json", split.validation, prompt)
    shared = {label.number.number for label in split.train} & {label.number.number for label in split.validation}
    prepared = Prepared(
        train_file,
        validation_file,
        len(split.train),
        len(split.validation),
        len(report.labels) - len(grouped),
        len(shared),
        _owners(split),
        report.errors,
        dataset_hash(train_file, validation_file),
    )
    record: dict[str, Any] = {
        **{key: str(value) if isinstance(value, Path) else value for key, value in asdict(prepared).items()},
        "annotations": str(Path(file).resolve()),
        "seed": seed,
        "validation_share": validation_share,
        "prompt": prompt,
    }
    (folder / "dataset.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return prepared


def split_by_owner(groups: Sequence[Sequence[Label]], validation_share: float, seed: int) -> Split:
    """Whole groups to either side, each owner's share as near to `validation_share` as its groups allow.

    What one owner's groups round off is carried to the next, so that the whole comes out right. Both sides get at
    least one group.
    """
    rng = random.Random(seed)
    by_owner: dict[str, list[Sequence[Label]]] = {}
    for group in groups:
        by_owner.setdefault(group[0].number.owner_code, []).append(group)
    train: list[Sequence[Label]] = []
    validation: list[Sequence[Label]] = []
    owed = 0.0
    owners = sorted(by_owner)
    rng.shuffle(owners)
    for own in (by_owner[owner] for owner in owners):
        rng.shuffle(own)
        owed += validation_share * sum(len(group) for group in own)
        for group in own:
            # A group is taken if that brings the held-out count nearer to what is owed.
            if owed >= len(group) / 2:
                validation.append(group)
                owed -= len(group)
            else:
                train.append(group)
    if not validation:
        validation.append(train.pop())
    elif not train:
        train.append(validation.pop())
    flat_train = tuple(sorted((label for group in train for label in group), key=lambda label: label.entry))
    flat_validation = tuple(sorted((label for group in validation for label in group), key=lambda label: label.entry))
    return Split(flat_train, flat_validation)


def dataset_hash(*files: Path) -> str:
    """SHA-256, hex, over every item's prompt, text and picture bytes in these `train.json`-like files."""
    digest = hashlib.sha256()
    for file in files:
        for item in json.loads(file.read_text(encoding="utf-8")):
            picture = hashlib.sha256(Path(item["image"]).read_bytes()).hexdigest()
            digest.update(f"{item['prefix']}\0{item['suffix']}\0{picture}\n".encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _write(file: Path, labels: Sequence[Label], prompt: str) -> Path:
    items = [{"image": str(label.image.resolve()), "prefix": prompt, "suffix": label.number.number} for label in labels]
    file.write_text(json.dumps(items, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    file.with_suffix(".jsonl").write_text(lines, encoding="utf-8")
    return file.resolve()


def _owners(split: Split) -> dict[str, tuple[int, int]]:
    train = Counter(label.number.owner_code for label in split.train)
    validation = Counter(label.number.owner_code for label in split.validation)
    return {owner: (train[owner], validation[owner]) for owner in sorted(train | validation)}


def _refusal(problems: Sequence[Problem]) -> str:
    shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN_PROBLEMS])
    more = f"\n  and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
    return (
        f"{len(problems)} label problem(s). Correct them, or say to go on without (--allow_bad_labels):\n{shown}{more}"
    )
