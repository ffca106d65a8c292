"""Ray Serve's REST API on the dashboard: put a configuration, read what became of it."""

from __future__ import annotations

import time
from typing import Any

import httpx

from deployments.launch import token
from deployments.launch.errors import LaunchFailed

PATH = "/api/serve/applications/"


def put_config(dashboard_url: str, config: dict[str, Any]) -> None:
    """Make `config` (a Serve configuration) the cluster's goal.

    Sent again where the connection broke: a dashboard that has just started drops some, and twice is as good as once.

    Raises:
        LaunchFailed: Serve refused it, with its reason, or the dashboard does not answer.
    """
    for pause_s in (1.0, 3.0, None):
        try:
            response = httpx.put(dashboard_url + PATH, json=config, headers=token.headers(), timeout=120)
            break
        except httpx.TransportError as error:
            if pause_s is None:
                raise LaunchFailed(f"the dashboard at {dashboard_url} took no configuration: {error}") from error
            time.sleep(pause_s)
    if response.status_code != httpx.codes.OK:
        raise LaunchFailed(f"Ray Serve refused the configuration: {_reason(response)}")


def get_details(dashboard_url: str) -> dict[str, Any]:
    """`applications`, `proxies`, ... as in Ray's `ServeInstanceDetails`; empty while the dashboard is starting.

    Raises:
        LaunchFailed: the token was refused.
    """
    try:
        response = httpx.get(dashboard_url + PATH, headers=token.headers(), timeout=30)
    except httpx.TransportError:
        return {}
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise LaunchFailed("Ray refused the token in ~/.ray/auth_token; `make restart` starts with the present one")
    details: dict[str, Any] = response.json() if response.status_code == httpx.codes.OK else {}
    return details


def _reason(response: httpx.Response) -> str:
    lines = [line.strip() for line in response.text.splitlines() if line.strip()]
    return (lines[-1] if lines else str(response.status_code))[:500]
