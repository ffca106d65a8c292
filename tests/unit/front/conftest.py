from __future__ import annotations

from tests.unit.web.conftest import serve

__all__ = ["serve"]
