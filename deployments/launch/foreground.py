"""`sensorium serve --foreground`: start, stay, and end everything on SIGTERM. For containers and systemd."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx
from rich.console import Console

from deployments.launch import instance, serve_api
from deployments.launch.errors import LaunchFailed
from deployments.launch.serve import serve

DRAIN_S = 25.0
"""For requests that are being answered when the signal comes; Docker gives 10 s by default, compose.yaml 60."""


class _AskedToStop(BaseException):
    """Not an `Exception`, so that nothing on the way takes it for a failure."""


def serve_in_foreground(config_path: Path, host: str, port: int, timeout_s: float, console: Console) -> None:
    """As `serve`, then wait for SIGTERM or Ctrl-C; whatever ends the wait, what was started is ended, too.

    Raises:
        LaunchFailed: something runs already, the services did not start, or Ray ended by itself.
    """
    if running := instance.load():
        raise LaunchFailed(f"already running at {running.base_url}; `sensorium stop` first")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ask_to_stop)
    try:
        serve(config_path, host, port, timeout_s, console)
        while instance.load() is not None:
            time.sleep(1)
        raise LaunchFailed(f"Ray has ended by itself; see {instance.state_folder() / 'ray.log'}")
    except _AskedToStop:
        console.print("Stopping.")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # already on our way
        if started := instance.load():
            _drain(started, console)
            instance.end(started, patience_s=30)


def _drain(started: instance.Instance, console: Console) -> None:
    """Take the applications away, which lets replicas finish what they have. Serve's own shutdown would begin with
    HAProxy, and so with the clients' connections."""
    deadline = time.monotonic() + DRAIN_S
    try:
        serve_api.put_config(started.dashboard_url, {"applications": []})
        while serve_api.get_details(started.dashboard_url).get("applications"):
            if time.monotonic() > deadline:
                console.print(f"Not everything was finished within {DRAIN_S:g} s.")
                return
            time.sleep(0.3)
    except (LaunchFailed, httpx.HTTPError) as error:
        console.print(f"Nothing to wait for: {error}")


def _ask_to_stop(number: int, frame: FrameType | None) -> NoReturn:
    raise _AskedToStop
