"""`sensorium dataset ...` and `sensorium train`: the same functions as `python -m training...`, with help."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

dataset = typer.Typer(no_args_is_help=True, help="Label pictures of container numbers and make data sets of them.")

Annotations = Annotated[Path, typer.Option(help="The annotation file.")]
DEFAULT_ANNOTATIONS = Path("annotations.json")


@dataset.command()
def template(
    images: Annotated[Path, typer.Argument(help="Folder of pictures to label.")],
    annotations: Annotations = DEFAULT_ANNOTATIONS,
    guess: Annotated[bool, typer.Option(help="Pre-fill with the embedded model's guess.")] = False,
) -> None:
    """Start or extend an annotation file. Example: sensorium dataset template photos/ --guess"""
    flags = ["--mode", "create_template", "--image_folder", str(images), "--annotation_file", str(annotations)]
    _prepare_dataset([*flags, *(["--guess"] if guess else [])])


@dataset.command()
def check(annotations: Annotated[Path, typer.Argument(help="The annotation file.")] = DEFAULT_ANNOTATIONS) -> None:
    """Report every TODO, missing picture and wrong check digit. Example: sensorium dataset check annotations.json"""
    _prepare_dataset(["--mode", "check", "--annotation_file", str(annotations)])


@dataset.command()
def prepare(
    output: Annotated[Path, typer.Argument(help="Folder for train.json and val.json.")],
    annotations: Annotations = DEFAULT_ANNOTATIONS,
    seed: int = 0,
    allow_bad_labels: Annotated[bool, typer.Option(help="Train on wrong check digits too.")] = False,
) -> None:
    """Split the labelled pictures 80 to 20. Example: sensorium dataset prepare dataset/"""
    flags = ["--mode", "prepare", "--annotation_file", str(annotations), "--output_dir", str(output)]
    _prepare_dataset([*flags, "--seed", str(seed), *(["--allow_bad_labels"] if allow_bad_labels else [])])


@dataset.command()
def synthesise(
    output: Annotated[Path, typer.Argument(help="Folder for the pictures and their annotation file.")],
    count: int = 1000,
    kind: Annotated[str, typer.Option(help="crops or plates")] = "crops",
    style: str = "painted",
    seed: int = 0,
) -> None:
    """Draw labelled pictures. Example: sensorium dataset synthesise drawn/ --count 500 --kind plates"""
    flags = ["--mode", "synthesise", "--output_dir", str(output), "--count", str(count)]
    _prepare_dataset([*flags, "--kind", kind, "--style", style, "--seed", str(seed)])


def train(
    context: typer.Context,
    address: Annotated[str, typer.Option(help="Ray dashboard to submit to, or `local`: the running instance's.")] = "",
) -> None:
    """Fine-tune Florence-2 with LoRA; further flags are those of `python -m training.finetune_florence --help`.

    Example: sensorium train --train dataset/train.json --val dataset/val.json --output runs/first --epochs 10
    """
    if address:
        from deployments.launch.jobs import submit

        command = shlex.join(["python", "-m", "training.finetune_florence", *context.args])
        raise typer.Exit(submit(command, address))
    from deployments.local_container_service import ocr_crop_reader
    from deployments.serving.errors import SensoriumError
    from training.fine_tuning.outcome import fine_tune
    from training.finetune_florence import parser, settings_from, told

    options = parser().parse_args(context.args)
    try:
        # The report compares the OCR reader, too; a job leaves it out, because training knows no other service.
        outcome = fine_tune(settings_from(options), fresh=options.fresh, readers={"ocr": ocr_crop_reader()})
    except SensoriumError as error:
        typer.echo(f"sensorium: {error.message}", err=True)
        raise typer.Exit(2) from error
    typer.echo(told(outcome))


def _prepare_dataset(flags: list[str]) -> None:
    from training import prepare_dataset

    raise typer.Exit(prepare_dataset.main(flags))
