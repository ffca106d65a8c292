"""LoRA adapters beside one base model: find them in a folder, check that they fit, read with one of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.container_number.florence import CropText, load_base, read_crops, weights_hash
from deployments.container_number.prompts import read_manifest, reading_settings
from deployments.serving.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from PIL.Image import Image

BASE = "base"
"""The name that asks for the base model without any adapter."""
_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    name: str
    folder: Path
    base_hash: str | None
    """`florence.weights_hash` of the base it was trained on; None where its manifest does not say."""
    version: int
    """Modification time of the weights in ns: a retrained adapter of the same name is another version."""
    manifest: dict[str, Any]


def find_adapters(root: Path) -> dict[str, AdapterInfo]:
    """Every adapter under `root`, by folder name: `root/NAME/adapter_config.json`, or `root/NAME/adapter/...` as
    fine-tuning writes it. Looks anew at each call, so that a new adapter is seen without a restart."""
    found: dict[str, AdapterInfo] = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        for place in (folder, folder / "adapter"):
            if (place / _CONFIG).is_file() and (place / _WEIGHTS).is_file():
                manifest = read_manifest(place)
                base_hash = manifest.get("base", {}).get("weights_sha256")
                version = (place / _WEIGHTS).stat().st_mtime_ns
                found[folder.name] = AdapterInfo(folder.name, place, base_hash, version, manifest)
                break
    return found


@contextmanager
def peft_notice_ignored() -> Iterator[None]:
    """PEFT 0.21 asks transformers for a property that has a new name, which warns; nobody can act on that."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        yield


class FlorenceReader:
    """A base model and any number of adapters on it. Not thread-safe: use it from one thread."""

    def __init__(self, folder: Path, device: str = "cpu", precision: str = "float32") -> None:
        """
        Args:
            folder: a Florence-2 in the native layout, see `deployments.serving.weights.resolve`.
            precision: `float32`, `bfloat16` or `float16`.

        Raises:
            BackendMissing: no such model there.
        """
        self.folder = folder
        self.base_hash = weights_hash(folder)
        self.settings = reading_settings(folder)
        self._device, self._precision = device, precision
        self._model, self._processor = load_base(folder, device, precision)
        self._loaded: dict[str, AdapterInfo] = {}

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters in memory."""
        return tuple(self._loaded)

    def load_adapter(self, info: AdapterInfo) -> None:
        """Bring an adapter into memory, or its new version in place of the old.

        Raises:
            InvalidInput: it was made for another base model, or its weights do not fit this one.
        """
        if self._loaded.get(info.name) == info:
            return
        if info.base_hash is not None and info.base_hash != self.base_hash:
            made_for = info.manifest.get("base", {}).get("source", "another base model")
            raise InvalidInput(
                f"Adapter {info.name!r} was made for {made_for} (weights {info.base_hash[:12]}), this reader runs "
                f"{self.folder.name} ({self.base_hash[:12]}). Train it anew on this base, or start that base.",
                adapter=info.name,
            )
        self.unload_adapter(info.name)
        try:
            self._attach(info)
        except Exception as error:  # a cut-off file raises safetensors' own; half an adapter must not stay in the base
            self._start_over()
            raise InvalidInput(
                f"Adapter {info.name!r} does not fit {self.folder.name}: {error}", adapter=info.name
            ) from error
        self._loaded[info.name] = info

    def unload_adapter(self, name: str) -> None:
        """Free an adapter's memory; nothing happens where it is not loaded."""
        if self._loaded.pop(name, None) is None:
            return
        if self._loaded:
            self._model.delete_adapter(name)
        else:
            self._model = self._model.unload()

    def read(self, images: Sequence[Image], adapter: str = BASE) -> list[CropText]:
        """One text per RGB crop.

        Raises:
            NotFound: `adapter` is not loaded; the message lists those that are.
        """
        if adapter == BASE:
            if not self._loaded:
                return read_crops(self._model, self._processor, images, self.settings)
            with self._model.disable_adapter():
                return read_crops(self._model, self._processor, images, self.settings)
        if adapter not in self._loaded:
            available = [BASE, *self._loaded]
            raise NotFound(f"No adapter {adapter!r} is loaded; there are {', '.join(available)}.", available=available)
        self._model.set_adapter(adapter)
        settings = reading_settings(self._loaded[adapter].folder, default=self.settings)
        return read_crops(self._model, self._processor, images, settings)

    def _attach(self, info: AdapterInfo) -> None:
        from peft import PeftModel

        with peft_notice_ignored():
            if self._loaded:
                self._model.load_adapter(str(info.folder), adapter_name=info.name)
            else:
                self._model = PeftModel.from_pretrained(self._model, str(info.folder), adapter_name=info.name)
        self._model.eval()

    def _start_over(self) -> None:
        """A half attached adapter leaves layers in the model: load it and the good adapters anew."""
        self._model, self._processor = load_base(self.folder, self._device, self._precision)
        good, self._loaded = self._loaded, {}
        for info in good.values():
            self._attach(info)
            self._loaded[info.name] = info
