"""How a bulk job runs: the typed form of one service's section in `ray_configs/jobs/*.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, with_config

from deployments.serving.batching import Batching
from deployments.serving.errors import InvalidInput, NotFound


class JobSettings(BaseModel):
    """What every service's section may hold; a service adds `model`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batching: Batching = Batching()
    """Bounds on one call of the model (`max_batch_size` units, `max_batch_cost`)."""
    actors: int | None = Field(default=None, ge=1)
    """Copies of the model; null takes as many as the free CPUs hold."""
    actor_cpus: float | None = Field(default=None, gt=0)
    """Of each copy; null takes one, or what is left where less than one is free."""
    actor_gpus: float = Field(default=0, ge=0)
    prepare_threads: int = Field(default=1, ge=1)
    """Threads of each copy that read and decode the next inputs while the model runs."""
    inputs_per_task: int = Field(default=32, ge=1)
    """Inputs that an actor is handed at once; what a crash of an actor does again."""
    part_rows: int = Field(default=5000, ge=1)
    part_seconds: float = Field(default=10, gt=0)
    """A part is written at so many rows or seconds, whichever comes first; what a kill does again."""


SettingsT = TypeVar("SettingsT", bound=JobSettings)


def refuse_unknown(*dataclasses: Any) -> None:
    """Have pydantic refuse keys that these dataclasses do not have."""
    for one in dataclasses:
        with_config(ConfigDict(extra="forbid"))(one)


def load_settings(kind: type[SettingsT], file: Path | None, service: str) -> SettingsT:
    """The section `service` of a YAML file; defaults without a file.

    Raises:
        NotFound: no such file.
        InvalidInput: it is no YAML, has no such section, unknown keys or values out of range.
    """
    import yaml

    if file is None:
        return kind()
    try:
        content = yaml.safe_load(file.read_text())
    except OSError as error:
        raise NotFound(f"the settings {file} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise InvalidInput(f"{file} is not YAML: {error}") from error
    if not isinstance(content, dict) or service not in content:
        raise InvalidInput(f"{file} has no section {service!r}")
    try:
        return kind.model_validate(content[service] or {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in (service, *first["loc"]))
        raise InvalidInput(f"{file}: {place}: {first['msg']}", field=place) from error
