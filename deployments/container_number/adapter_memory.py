"""One base model with a bounded number of its adapters in memory, loaded when they are first asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deployments.container_number.adapters import BASE, AdapterInfo, FlorenceReader
from deployments.container_number.florence import CropText
from deployments.serving.errors import InvalidInput

if TYPE_CHECKING:
    from PIL.Image import Image


class AdapterMemory:
    """Not thread-safe: use it from one thread.

    Args:
        reader: the base model, without adapters.
        most: adapters in memory at once; the one used longest ago goes first.
    """

    def __init__(self, reader: FlorenceReader, most: int) -> None:
        self._reader = reader
        self._most = most
        self._held: OrderedDict[str, AdapterInfo] = OrderedDict()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the adapters in memory, the one used longest ago first."""
        return tuple(adapter.name for adapter in self._held.values())

    def read(self, crops: Sequence[Image], adapter: AdapterInfo | None) -> list[CropText]:
        """One text per RGB crop; None reads with the base model.

        Raises:
            InvalidInput: the adapter cannot be loaded, or does not fit the base model.
        """
        return self._reader.read(crops, BASE if adapter is None else self._load(adapter))

    def clear(self) -> None:
        """Free every adapter."""
        while self._held:
            self._reader.unload_adapter(self._held.popitem()[0])

    def _load(self, adapter: AdapterInfo) -> str:
        """The name to read with, once the adapter is in memory; a changed one takes the place of its old version."""
        slot = _slot(adapter.name)
        if self._held.get(slot) != adapter:
            if self._held.pop(slot, None) is not None:
                self._reader.unload_adapter(slot)
            while len(self._held) >= self._most:
                self._reader.unload_adapter(self._held.popitem(last=False)[0])
            try:
                self._reader.load_adapter(replace(adapter, name=slot))
            except InvalidInput as error:
                reason = error.message.replace(repr(slot), repr(adapter.name))
                raise InvalidInput(reason, field="adapter", adapter=adapter.name) from error
            self._held[slot] = adapter
        self._held.move_to_end(slot)
        return slot


def _slot(name: str) -> str:
    """A folder's name as PEFT takes it: part of a torch module's path, so without dots, and no part of `lora_`, which
    PEFT 0.21 takes for a reason to initialise the weights anew."""
    return f"adapter-{name.encode().hex() if '.' in name else name}"
