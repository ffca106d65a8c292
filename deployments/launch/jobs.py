"""Submit a command as a Ray job and follow it."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path

from deployments.launch import instance
from deployments.launch.errors import LaunchFailed


def submit(command: str, address: str) -> int:
    """Run `command` on the cluster whose dashboard is at `address`, print its log as it comes.

    On the local instance the job starts in the present folder; elsewhere in a folder of Ray's, so that file names in
    the command must be ones that every node can reach.

    Args:
        address: `http://host:8265`, or `local` for the instance that `sensorium serve` started.

    Returns:
        0 if the job succeeded, else 1.

    Raises:
        LaunchFailed: nothing runs there, or it refuses the job.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # as the cluster's; read when Ray is imported
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobStatus, JobSubmissionClient

    try:
        client = JobSubmissionClient(_dashboard(address))
        job = client.submit_job(
            entrypoint=f"cd {shlex.quote(str(Path.cwd()))} && {command}" if address == "local" else command
        )
    except (ConnectionError, RuntimeError, AuthenticationError) as error:
        raise LaunchFailed(f"{address} does not take jobs: {' '.join(str(error).split())[:300]}") from error
    print(f"job {job}", flush=True)

    async def follow() -> None:
        async for text in client.tail_job_logs(job):
            sys.stdout.write(text)
            sys.stdout.flush()

    asyncio.run(follow())
    return 0 if client.get_job_status(job) == JobStatus.SUCCEEDED else 1


def _dashboard(address: str) -> str:
    if address != "local":
        return address
    running = instance.load()
    if running is None:
        raise LaunchFailed("no instance of this checkout is running; `make serve` starts one")
    return running.dashboard_url
