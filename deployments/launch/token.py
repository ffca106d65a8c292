"""The token that Ray's dashboard, jobs and RPC ask for: where it lies, made once, read by whoever calls."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def ensure() -> None:
    """Make the token where Ray's own tools look for it, if there is none yet."""
    file = _file()
    if "RAY_AUTH_TOKEN" in os.environ or file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_hex(32))


def headers() -> dict[str, str]:
    """The HTTP header that carries the token; empty where there is none."""
    token = os.environ.get("RAY_AUTH_TOKEN", "")
    if not token and _file().is_file():
        token = _file().read_text().strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _file() -> Path:
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH", Path.home() / ".ray" / "auth_token"))
