"""LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685) on a Florence-2."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from deployments.container_number.adapters import peft_notice_ignored
from deployments.serving.errors import InvalidInput
from training.fine_tuning.settings import ALL_LINEAR, FineTuneSettings


def linear_leaf_names(model: Any) -> Counter[str]:
    """Leaf name of every linear layer but the output layer, and how many have it."""
    from torch import nn

    names = (name.rsplit(".", 1)[-1] for name, module in model.named_modules() if isinstance(module, nn.Linear))
    return Counter(name for name in names if name != "lm_head")


def check_targets(model: Any, targets: tuple[str, ...]) -> None:
    """Raises:
    InvalidInput: a target matches no layer (it would be left out in silence); the message lists those there are.
    """
    if targets == (ALL_LINEAR,):
        return
    there = linear_leaf_names(model)
    unknown = [target for target in targets if target not in there]
    if unknown:
        raise InvalidInput(
            f"No layer is called {', '.join(unknown)}; give {ALL_LINEAR}, or some of {', '.join(sorted(there))}.",
            unknown=unknown,
            available=sorted(there),
        )


def with_adapter(model: Any, settings: FineTuneSettings) -> Any:
    """`model` with a fresh adapter, everything else frozen.

    Raises:
        InvalidInput: as `check_targets`.
    """
    from peft import LoraConfig, get_peft_model

    check_targets(model, settings.targets)
    targets = ALL_LINEAR if settings.targets == (ALL_LINEAR,) else list(settings.targets)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        bias="none",
    )
    with peft_notice_ignored():
        return get_peft_model(model, config)


def with_saved_adapter(model: Any, folder: Path) -> Any:
    """`model` with the adapter in `folder`, ready to be trained further."""
    from peft import PeftModel

    with peft_notice_ignored():
        return PeftModel.from_pretrained(model, str(folder), is_trainable=True)


def trainable(model: Any) -> list[Any]:
    """The adapter's parameters."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
