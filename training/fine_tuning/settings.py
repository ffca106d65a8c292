"""Everything that decides a fine-tuning run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from deployments.container_number.florence import NANO_SOURCE
from deployments.serving.errors import InvalidInput, UnsupportedOption

Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16", "fp16"]
ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class FineTuneSettings:
    train: Path
    validation: Path
    output: Path
    """On several nodes: a folder that all of them share."""
    base: str = NANO_SOURCE
    """A model source as `deployments.serving.weights.resolve` takes it: a folder, `florence-community/...@revision`."""
    epochs: int = 10
    batch_size: int = 2
    """Crops per step and worker."""
    learning_rate: float = 1e-4
    device: Device = "cpu"
    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    """Leaf names of the layers that get an adapter, or (`all-linear`,) for every linear layer but the output."""
    precision: Precision = "fp32"
    gradient_accumulation: int = 1
    warm_up_share: float = 0.05
    """Part of all optimizer steps over which the learning rate rises."""
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    early_stopping: int = 0
    """Stop after this many evaluations in a row without a lower `eval_loss`; 0 never stops early."""
    checkpoint_steps: int = 0
    """A checkpoint each so many optimizer steps, beside the one after each epoch; 0 for none."""
    num_workers: int = 1
    cpus_per_worker: float = 1.0
    gpus_per_worker: float = 1.0
    """Only with `device="cuda"`."""
    max_failures: int = 3
    """How often a killed worker is started anew."""
    seed: int = 0
    allow_bad_labels: bool = False
    """Train on texts that are no valid container numbers, too."""
    mix: Path | None = None
    """A second `train.json`, of the style the base already reads: mixed in, it keeps that skill."""
    mix_share: float = 0.25
    """Part of every epoch's crops that comes from `mix`."""
    also_evaluate: tuple[Path, ...] = ()
    """More `val.json` files for the report, e.g. the old style's."""
    evaluate_at_most: int = 512
    """Validation crops that are decoded each epoch and in the report; the loss is over all of them."""
    source: dict[str, Any] = field(default_factory=dict)
    """Free facts for the manifest, e.g. who started the run."""

    def __post_init__(self) -> None:
        """Raises:
        InvalidInput: a value that cannot work; the message names it.
        """
        positive = ("epochs", "batch_size", "learning_rate", "rank", "alpha", "gradient_accumulation", "num_workers")
        for name in (*positive, "evaluate_at_most", "cpus_per_worker"):
            if getattr(self, name) <= 0:
                raise InvalidInput(f"{name} is {getattr(self, name)}; it must be more than 0.", field=name)
        for name in ("dropout", "warm_up_share", "mix_share"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}; it must be at least 0 and under 1.", field=name)
        if self.device not in ("cpu", "cuda", "mps"):
            raise UnsupportedOption(f"There is no device {self.device!r}; give cpu, cuda or mps.", field="device")
        if self.precision not in ("fp32", "bf16", "fp16"):
            raise UnsupportedOption(f"There is no precision {self.precision!r}; give fp32, bf16 or fp16.")
        if self.precision == "fp16" and self.device != "cuda":
            raise UnsupportedOption("fp16 needs --device cuda (its small range needs loss scaling); use bf16 or fp32.")
        if self.device == "mps" and self.num_workers > 1:
            raise UnsupportedOption("mps is one device on one machine: use --num_workers 1.")
        if not self.targets:
            raise InvalidInput("targets is empty: name at least one layer, or all-linear.", field="targets")

    def as_dict(self) -> dict[str, Any]:
        """JSON form, paths as strings."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FineTuneSettings:
        """The inverse of `as_dict`."""
        paths = {name: Path(values[name]) for name in ("train", "validation", "output")}
        rest = {
            "targets": tuple(values["targets"]),
            "also_evaluate": tuple(Path(path) for path in values["also_evaluate"]),
            "mix": Path(values["mix"]) if values["mix"] else None,
        }
        return cls(**{**values, **paths, **rest})

    def identity(self) -> dict[str, Any]:
        """What must be the same for one run to go on where another stopped."""
        names = ("base", "rank", "alpha", "targets", "batch_size", "gradient_accumulation", "num_workers", "seed")
        everything = self.as_dict()
        return {name: everything[name] for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
