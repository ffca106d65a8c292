"""The old script's command line: `python -m training.prepare_dataset --mode MODE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deployments.serving.errors import SensoriumError
from training.annotation_template import write_template
from training.annotations import check
from training.dataset import prepare
from training.guess import florence_guess
from training.rendering.styles import STYLES
from training.synthetic import synthesise


def parser() -> argparse.ArgumentParser:
    """The flags; `--mode`, `--image_folder`, `--annotation_file` and `--output_dir` are the old script's."""
    flags = argparse.ArgumentParser(prog="prepare_dataset", description=__doc__)
    flags.add_argument("--mode", required=True, choices=("create_template", "check", "prepare", "synthesise"))
    flags.add_argument("--image_folder", type=Path, help="create_template: the pictures to label")
    flags.add_argument("--guess", action="store_true", help="create_template: pre-fill with the embedded model's guess")
    flags.add_argument("--annotation_file", type=Path, default=Path("annotations.json"))
    flags.add_argument("--output_dir", type=Path, default=Path("dataset"))
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--allow_bad_labels", action="store_true", help="prepare: train on wrong check digits too")
    flags.add_argument("--count", type=int, default=1000, help="synthesise: how many pictures")
    flags.add_argument("--kind", choices=("crops", "plates"), default="crops", help="synthesise")
    flags.add_argument("--style", choices=tuple(STYLES), default="painted", help="synthesise")
    return flags


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 `check` found errors, 2 the input cannot be used."""
    flags = parser()
    options = flags.parse_args(arguments)
    try:
        return _run(options, flags)
    except SensoriumError as error:
        print(error.message, file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, flags: argparse.ArgumentParser) -> int:
    if options.mode == "create_template":
        if options.image_folder is None:
            flags.error("--mode create_template needs --image_folder")
        reader = florence_guess() if options.guess else None
        added, total = write_template(options.image_folder, options.annotation_file, reader)
        print(f"{options.annotation_file}: {added} new entries, {total} in all. Replace every TODO, then --mode check.")
    elif options.mode == "check":
        report = check(options.annotation_file)
        for problem in report.problems:
            print(f"{'note' if problem.is_notice else 'error'}: {problem}")
        print(f"{report.entries} entries, {len(report.labels)} usable, {len(report.errors)} errors.")
        return 0 if report.ok else 1
    elif options.mode == "prepare":
        prepared = prepare(
            options.annotation_file, options.output_dir, seed=options.seed, allow_bad_labels=options.allow_bad_labels
        )
        print(f"{prepared.train_file}: {prepared.train} pictures. {prepared.validation_file}: {prepared.validation}.")
    else:
        file = synthesise(options.output_dir, options.count, options.kind, options.style, options.seed)
        print(f"{file}: {options.count} labelled pictures.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
