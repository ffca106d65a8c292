"""Everything about a run that can be found wrong before a worker starts."""

from __future__ import annotations

from pathlib import Path

from deployments.serving import weights
from deployments.serving.errors import BackendMissing, InvalidInput, Unavailable
from training.fine_tuning.examples import Example, bad_labels, one_prompt, read_examples
from training.fine_tuning.lora import check_targets
from training.fine_tuning.settings import FineTuneSettings


def check_inputs(settings: FineTuneSettings) -> str:
    """Datasets are there, one prompt, valid labels; the prompt.

    Raises:
        InvalidInput: what is wrong, with the file.
    """
    files = [settings.train, settings.validation, *([settings.mix] if settings.mix else []), *settings.also_evaluate]
    sets = {file: read_examples(file) for file in files}
    prompts = {file: one_prompt(examples, file) for file, examples in sets.items()}
    if len(set(prompts.values())) > 1:
        listed = ", ".join(f"{file}: {prompt!r}" for file, prompt in prompts.items())
        raise InvalidInput(f"The datasets have different prompts ({listed}); an adapter is asked one.")
    _check_labels(sets, settings.allow_bad_labels)
    shared = {example.image for example in sets[settings.train]} & {
        example.image for example in sets[settings.validation]
    }
    if shared:
        raise InvalidInput(
            f"{len(shared)} picture(s) are in both {settings.train} and {settings.validation}, e.g. {min(shared)}: "
            "the scores would be of no worth. `sensorium dataset prepare` splits them."
        )
    return prompts[settings.train]


def _check_labels(sets: dict[Path, tuple[Example, ...]], allow_bad: bool) -> None:
    for file, examples in sets.items():
        bad = bad_labels(examples)
        if bad and not allow_bad:
            raise InvalidInput(
                f"{file} has {len(bad)} label(s) that are no valid container numbers, e.g. {bad[0]!r}. Correct them, "
                "or say to train on them (--allow_bad_labels).",
                labels=bad[:20],
            )


def find_base(settings: FineTuneSettings) -> Path:
    """The base model's folder, checked: a native Florence-2 that has the layers `targets` names.

    Raises:
        BackendMissing: no such model.
        InvalidInput: a target matches no layer.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    folder = weights.resolve(settings.base)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise BackendMissing(f"{folder} holds no model that transformers knows: {error}", folder=str(folder)) from error
    if config.model_type != "florence2":
        raise BackendMissing(
            f"{folder} holds a {config.model_type}, not a native Florence-2; use `florence-community/Florence-2-*`.",
            folder=str(folder),
        )
    with torch.device("meta"):  # layer names without weights
        check_targets(AutoModelForImageTextToText.from_config(config), settings.targets)
    return folder


def check_cluster(settings: FineTuneSettings) -> None:
    """Raises:
    Unavailable: the cluster can never start the workers; without this check the run would wait without end.
    """
    import ray

    there = ray.cluster_resources()
    wanted = {"CPU": settings.num_workers * settings.cpus_per_worker}
    if settings.device == "cuda":
        wanted["GPU"] = settings.num_workers * settings.gpus_per_worker
    for resource, amount in wanted.items():
        if there.get(resource, 0.0) < amount:
            raise Unavailable(
                f"{settings.num_workers} worker(s) need {amount:g} {resource} in all, the cluster has "
                f"{there.get(resource, 0.0):g}. Lower --num_workers, choose another --device, or add nodes.",
                resource=resource,
            )
