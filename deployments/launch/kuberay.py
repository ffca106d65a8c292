"""`python -m deployments.launch.kuberay`: write ray_configs/gpu.yaml into rayservice.yaml's `serveConfigV2`.

KubeRay takes the Serve configuration as one string inside its own resource, so there is a copy; a test compares.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVE_CONFIG = ROOT / "ray_configs" / "gpu.yaml"
RAY_SERVICE = ROOT / "ray_configs" / "kuberay" / "rayservice.yaml"
_KEY = "  serveConfigV2: |\n"


def with_serve_config(manifest: str, serve_config: str) -> str:
    """`manifest` with its `serveConfigV2` replaced; comments of `serve_config` stay behind.

    Raises:
        ValueError: `manifest` has no such key, or several.
    """
    head, *rest = manifest.split(_KEY)
    if len(rest) != 1:
        raise ValueError(f"the manifest must hold {_KEY.strip()!r} once, not {len(rest)} times")
    # The block ends at the first line that is not indented deeper than its key.
    tail = re.search(r"(?m)^ {0,2}\S", rest[0])
    block = "".join(f"    {line}\n" if line else "\n" for line in _without_comments(serve_config))
    return head + _KEY + block + (rest[0][tail.start() :] if tail else "")


def _without_comments(text: str) -> list[str]:
    lines = (re.sub(r"\s*(^|\s)#.*$", "", line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line for line in lines if line.strip()]


def main() -> None:
    """Rewrite the file in place."""
    RAY_SERVICE.write_text(with_serve_config(RAY_SERVICE.read_text(), SERVE_CONFIG.read_text()))
    print(f"wrote {SERVE_CONFIG.name} into {RAY_SERVICE}")


if __name__ == "__main__":
    main()
