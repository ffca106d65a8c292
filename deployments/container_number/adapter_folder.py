"""The folder of adapters beside a base model, as requests see it: what is there now, and does it fit."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from deployments.container_number.adapters import BASE, AdapterInfo, find_adapters
from deployments.serving.errors import InvalidInput, NotFound

_log = logging.getLogger(__name__)


class AdapterFolder:
    """Looked at by every request, so that a new adapter is served without a restart; read anew only when a file in it
    has changed. May be used by several threads.

    Args:
        root: holds one subfolder per adapter; it may be missing, and appear later.
        base_hash: `florence.weights_hash` of the base model they must have been made for.
        base_name: what errors call that model.
    """

    def __init__(self, root: Path, base_hash: str, base_name: str) -> None:
        self.root = root
        self.base_hash = base_hash
        self._base_name = base_name
        self._lock = threading.Lock()
        self._seen: frozenset[tuple[str, int, int]] | None = None
        self._found: dict[str, AdapterInfo] = {}

    def adapters(self) -> dict[str, AdapterInfo]:
        """Every adapter by name, also those made for another base. A folder named `base` is left out: that name asks
        for the model without adapter."""
        with self._lock:
            present = self._look()
            if present != self._seen:
                try:
                    self._found = {name: info for name, info in find_adapters(self.root).items() if name != BASE}
                    self._seen = present
                except (ValueError, OSError) as error:  # a manifest is just being written, or is no JSON
                    _log.warning("the adapters in %s cannot be read, the last ones seen stay: %s", self.root, error)
            return self._found

    def fits(self, info: AdapterInfo) -> bool:
        """Whether it was made for this base; one whose manifest names no base is given the benefit of the doubt."""
        return info.base_hash in (None, self.base_hash)

    def choose(self, name: str) -> AdapterInfo | None:
        """The adapter that a request names; None for `base`.

        Raises:
            NotFound: there is none of that name; the message lists those there are.
            InvalidInput: it was made for another base model.
        """
        if name == BASE:
            return None
        found = self.adapters()
        if name not in found:
            available = [BASE, *(other for other, info in found.items() if self.fits(info))]
            raise NotFound(
                f"there is no adapter {name[:100]!r}; there are: {', '.join(available)}. `sensorium train` makes one, "
                "and a folder put beside the others is served at once",
                field="adapter",
                available=available,
            )
        info = found[name]
        if not self.fits(info):
            made_for = info.manifest.get("base", {}).get("source", "another base model")
            raise InvalidInput(
                f"adapter {name!r} was made for {made_for} (weights {str(info.base_hash)[:12]}); this service runs "
                f"{self._base_name} (weights {self.base_hash[:12]}). Train it anew on this base, or serve that base",
                field="adapter",
                base=made_for,
            )
        return info

    def _look(self) -> frozenset[tuple[str, int, int]]:
        """Path, time of change and size of everything that makes an adapter."""
        files = [*self.root.glob("*/*.*"), *self.root.glob("*/adapter/*.*")] if self.root.is_dir() else []
        seen = set()
        for file in files:
            try:
                status = file.stat()
            except OSError:  # it went away between the two looks
                continue
            seen.add((str(file), status.st_mtime_ns, status.st_size))
        return frozenset(seen)
