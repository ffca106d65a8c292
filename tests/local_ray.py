"""A Ray of one test folder's own, for tests that need Ray without Serve."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Before `ray` is imported: 2.60 asks for a token by default.
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_TRAIN_V2_ENABLED"] = "1"


@contextmanager
def local_ray() -> Iterator[str]:
    """Its address. Two cores, a short temporary folder (socket paths are limited to 107 bytes), gone afterwards."""
    import ray

    folder = tempfile.mkdtemp(prefix="ray_", dir="/tmp")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        _temp_dir=folder,
        object_store_memory=100_000_000,
        log_to_driver=False,
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
