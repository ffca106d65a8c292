from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local_ray import local_ray


@pytest.fixture(scope="package")
def ray_address() -> Iterator[str]:
    """A Ray of this folder's own; the next folder starts another."""
    with local_ray() as address:
        yield address
