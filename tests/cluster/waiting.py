"""Wait for what a cluster does by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that anything may take on two busy cores: a node, its processes, a model.
PATIENCE_S = 200.0


def until(met: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Return as soon as `met()`, asked twice a second.

    Raises:
        AssertionError: not within `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    while not met():
        assert time.monotonic() < deadline, f"did not happen within {patience_s:g} s"
        time.sleep(0.5)
