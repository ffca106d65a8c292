"""Fine-tune a Florence-2 on container numbers: `python -m training.finetune_florence --train F --val F --output DIR`.

Runs on Ray Train: on the cluster that RAY_ADDRESS names (a Ray job has it set), else on one that it starts itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deployments.container_number.florence import NANO_SOURCE
from deployments.serving.errors import SensoriumError
from training.fine_tuning.outcome import Outcome, fine_tune
from training.fine_tuning.settings import FineTuneSettings


def parser() -> argparse.ArgumentParser:
    """The old script's flags (`--train --val --output --epochs --batch_size --lr --device`) and the new ones."""
    flags = argparse.ArgumentParser(prog="finetune_florence", description=__doc__)
    flags.add_argument("--train", type=Path, required=True, help="train.json of prepare_dataset")
    flags.add_argument("--val", type=Path, required=True, help="val.json of prepare_dataset")
    flags.add_argument("--output", type=Path, required=True, help="folder for adapter, report and checkpoints")
    flags.add_argument("--epochs", type=int, default=10)
    flags.add_argument("--batch_size", type=int, default=2, help="crops per step and worker")
    flags.add_argument("--lr", type=float, default=1e-4)
    flags.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    flags.add_argument("--base", default=NANO_SOURCE, help="folder, or florence-community/Florence-2-large@REVISION")
    flags.add_argument("--rank", type=int, default=8)
    flags.add_argument("--alpha", type=int, default=16)
    flags.add_argument("--dropout", type=float, default=0.05)
    flags.add_argument("--targets", nargs="+", default=["q_proj", "v_proj"], help="layer names, or all-linear")
    flags.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    flags.add_argument("--gradient_accumulation", type=int, default=1)
    flags.add_argument("--warm_up_share", type=float, default=0.05)
    flags.add_argument("--early_stopping", type=int, default=0, help="epochs without a lower eval_loss; 0: never")
    flags.add_argument("--checkpoint_steps", type=int, default=0, help="a checkpoint within epochs, too")
    flags.add_argument("--num_workers", type=int, default=1)
    flags.add_argument("--cpus_per_worker", type=float, default=1.0)
    flags.add_argument("--gpus_per_worker", type=float, default=1.0)
    flags.add_argument("--max_failures", type=int, default=3, help="restarts of killed workers")
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--mix", type=Path, help="train.json of a style to keep")
    flags.add_argument("--mix_share", type=float, default=0.25)
    flags.add_argument("--also_evaluate", type=Path, nargs="*", default=[], help="more val.json for the report")
    flags.add_argument("--allow_bad_labels", action="store_true")
    flags.add_argument("--fresh", action="store_true", help="forget an earlier run in --output")
    return flags


def settings_from(options: argparse.Namespace) -> FineTuneSettings:
    """Flags to settings.

    Raises:
        InvalidInput: a value that cannot work.
    """
    renamed = {"val": "validation", "lr": "learning_rate"}
    values = {renamed.get(name, name): value for name, value in vars(options).items() if name != "fresh"}
    values["targets"] = tuple(values["targets"])
    values["also_evaluate"] = tuple(values["also_evaluate"])
    return FineTuneSettings(**values)


def told(outcome: Outcome) -> str:
    """The result in a few lines."""
    lines = [f"Adapter: {outcome.adapter}", f"Report:  {outcome.report}"]
    lines += [
        f"{one.dataset}, {one.reader}: exact match {one.scores.exact_match:.1%}, "
        f"character error {one.scores.character_error_rate:.2%} ({one.scores.count} crops)"
        for one in outcome.readings
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 what was asked cannot be done (the message says why)."""
    options = parser().parse_args(arguments)
    try:
        print(told(fine_tune(settings_from(options), fresh=options.fresh)))
    except SensoriumError as error:
        print(error.message, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
