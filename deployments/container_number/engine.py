"""Florence-2 on crops behind the Engine contract: crops of many requests are read together, adapter by adapter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.container_number.adapter_memory import AdapterMemory
from deployments.container_number.adapters import BASE, AdapterInfo, FlorenceReader
from deployments.container_number.crop_requests import ContainerNumberConfig, CropRequest, CropResult
from deployments.container_number.cutting import cut
from deployments.container_number.florence import CropText
from deployments.container_number.prompts import read_manifest
from deployments.serving import images, media, weights
from deployments.serving.engine import BackendStatus, ModelCard
from deployments.serving.errors import BackendMissing, EngineFailed, InvalidInput, SensoriumError, UnsupportedOption

if TYPE_CHECKING:
    from PIL.Image import Image

_PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """The unit of work: one picture of one number."""

    image: Image
    adapter: AdapterInfo | None
    """None reads with the base model."""


def adapter_root(config: ContainerNumberConfig) -> Path:
    """The adapter folder that `config` names, its variables filled in."""
    return Path(os.path.expandvars(config.adapters)).expanduser()


def load_engine(config: ContainerNumberConfig) -> ContainerNumberEngine:
    """Load the model that `config` names, or fail.

    Raises:
        WeightsMissing, WeightsCorrupt: see `deployments.serving.weights`.
        BackendMissing: the folder holds no Florence-2, or the device is not here.
        UnsupportedOption: unknown precision.
    """
    import torch

    if config.precision not in _PRECISIONS:
        raise UnsupportedOption(
            f"precision {config.precision!r} is not known; there are {', '.join(_PRECISIONS)}",
            field="precision",
            available=list(_PRECISIONS),
        )
    if config.threads:
        torch.set_num_threads(config.threads)
    folder = weights.resolve(config.model)
    try:
        reader = FlorenceReader(folder, config.device, config.precision)
    except (RuntimeError, AssertionError) as error:  # what torch raises for a device that is not there
        raise BackendMissing(f"the model cannot be put on device {config.device!r}: {error}", field="device") from error
    name = config.name or str(read_manifest(folder).get("model") or folder.name)
    adapters = AdapterFolder(adapter_root(config), reader.base_hash, name)
    return ContainerNumberEngine(reader, adapters, config, name)


class ContainerNumberEngine:
    """Implements `serving.engine.Engine[CropRequest, Crop, CropText, CropResult]`."""

    def __init__(
        self, reader: FlorenceReader, adapters: AdapterFolder, config: ContainerNumberConfig, name: str
    ) -> None:
        self._reader = AdapterMemory(reader, config.max_adapters)
        self._adapters = adapters
        self._config = config
        self._card = ModelCard(
            model=name,
            backend="transformers",
            version=f"sha256:{reader.base_hash[:12]}",
            device=config.device,
            backends=(BackendStatus("transformers", loaded=True, model=name),),
            notes={
                "precision": config.precision,
                "weights_sha256": reader.base_hash,
                "adapter_folder": str(adapters.root),
                "max_adapters": config.max_adapters,
            },
        )

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def adapters_in_memory(self) -> tuple[str, ...]:
        """Names, the one used longest ago first."""
        return self._reader.names

    def prepare(self, request: CropRequest) -> list[Crop]:
        """Decode the picture and cut the regions out.

        Raises:
            NotFound, InvalidInput: the adapter, see `AdapterFolder.choose`.
            InvalidInput (and others): the picture, see `media.read` and `images.decode`.
        """
        adapter = self._adapters.choose(request.adapter)
        pages = images.decode(media.read(request.source, self._config.policy), self._config.policy)
        if request.regions is None:
            from PIL import Image

            return [Crop(Image.fromarray(page), adapter) for page in pages]
        for region in request.regions:
            if not 0 <= region.page < len(pages):
                raise InvalidInput(f"a region names page {region.page}; the document has {len(pages)}", field="page")
        return [Crop(cut(pages[region.page], region.lines), adapter) for region in request.regions]

    def cost(self, unit: Crop) -> int:
        """1: every crop is scaled to the model's one input size."""
        return 1

    def infer(self, units: Sequence[Crop]) -> list[CropText | Exception]:
        outcomes: list[CropText | Exception] = [EngineFailed("not run")] * len(units)
        groups: dict[tuple[str, int], list[int]] = {}
        for index, unit in enumerate(units):
            key = (unit.adapter.name, unit.adapter.version) if unit.adapter else (BASE, 0)
            groups.setdefault(key, []).append(index)
        for indices in groups.values():
            for index, outcome in zip(indices, self._read([units[index] for index in indices]), strict=True):
                outcomes[index] = outcome
        return outcomes

    def assemble(self, request: CropRequest, units: Sequence[Crop], outcomes: Sequence[CropText]) -> CropResult:
        return CropResult(tuple(outcomes), tuple(unit.image.size for unit in units))

    def warm_up(self) -> None:
        """Reads one grey crop."""
        from PIL import Image

        outcome = self._read([Crop(Image.new("RGB", (340, 60), "grey"), None)])[0]
        if isinstance(outcome, Exception):
            raise outcome

    def close(self) -> None:
        self._reader.clear()

    def _read(self, crops: Sequence[Crop]) -> list[CropText | Exception]:
        """Crops of one adapter in one call; if that raises, each by itself, so that only the culprits fail."""
        try:
            return list(self._reader.read([crop.image for crop in crops], crops[0].adapter))
        except SensoriumError as error:
            return [error] * len(crops)
        except Exception as error:  # noqa: BLE001  (torch may raise anything; here it becomes a value)
            if len(crops) == 1:
                failure = EngineFailed(f"Florence-2 failed on this crop ({type(error).__name__}: {error})"[:500])
                failure.__cause__ = error
                return [failure]
            return [outcome for crop in crops for outcome in self._read([crop])]
