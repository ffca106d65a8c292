"""The server that a remote command talks to: which one, with which key, and whether it can answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.exit_status import UNREACHABLE, USAGE, CommandFailed

if TYPE_CHECKING:
    from deployments.client import AsyncSensorium
    from deployments.client.health import ServiceName

DEFAULT_URL = "http://127.0.0.1:8000"

Url = Annotated[
    str,
    typer.Option(
        envvar="SENSORIUM_URL",
        help=f"The server; by default the instance of this checkout, or else {DEFAULT_URL}.",
        rich_help_panel="Server",
        show_default=False,
    ),
]
ApiKey = Annotated[
    str,
    typer.Option(
        envvar="SENSORIUM_API_KEY", help="Where the server asks for one.", rich_help_panel="Server", show_default=False
    ),
]
Timeout = Annotated[
    float, typer.Option(min=0.1, help="Seconds to wait for the answer to one file.", rich_help_panel="Server")
]
PATIENCE_S = 300.0
"""As long as the server itself works on a request by default: a recording of an hour, a document of 100 pages."""


class Unreachable(CommandFailed):
    """Nothing answers there."""


def is_named(url: str) -> bool:
    """Whether there is a server that is meant: by the person, or because it was started here."""
    return bool(url) or server_url(url) != DEFAULT_URL


def server_url(url: str) -> str:
    """`url`, or where it is empty the running instance of this checkout, or else `DEFAULT_URL`."""
    if url:
        return url
    from deployments.launch import instance

    running = instance.load()
    return running.base_url if running else DEFAULT_URL


@asynccontextmanager
async def connected(url: str, api_key: str, service: ServiceName) -> AsyncIterator[AsyncSensorium]:
    """A client of the server, after `service` has said that it is ready: what cannot work fails at once.

    Raises:
        CommandFailed: nothing answers, something else does, or the service is not ready. Exit status 3, or 2 where the
            address or the key cannot be used at all.
    """
    from deployments.client import AsyncSensorium

    address = server_url(url)
    try:
        client = AsyncSensorium(address, api_key or None)
    except ValueError as error:
        raise CommandFailed(str(error), USAGE) from error
    async with client:
        await check_ready(address, service)
        yield client


async def check_ready(address: str, service: ServiceName) -> None:
    """One question, and one repetition: a person waits.

    Raises:
        CommandFailed: as of `connected`.
    """
    from deployments.client import AsyncSensorium, RejectedRequest, RetryableError, RetryPolicy

    try:
        async with AsyncSensorium(address, retries=RetryPolicy(attempts=2, first_delay_s=0.2)) as asking:
            health = await asking.health(service)
    except RetryableError as error:
        raise Unreachable(
            f"no server answers at {address} ({error.message}); start one with `sensorium serve`, or name one with "
            "--url or SENSORIUM_URL",
            UNREACHABLE,
        ) from error
    except RejectedRequest as error:
        raise CommandFailed(
            f"{address} is no Sensorium server with the service `{service}` ({error.message})", UNREACHABLE
        ) from error
    if not health.ready:
        reason = f": {health.reason}" if health.reason else "; `sensorium status` and `sensorium logs` say more"
        raise CommandFailed(f"the service `{service}` at {address} is not ready ({health.status}){reason}", UNREACHABLE)
