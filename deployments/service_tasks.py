"""The tasks of each service: its part of the work, its part of the calls, and the store of the configuration.

Part of the composition root, beside `app`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.container_number.found_text import TextFinder
from deployments.container_number.number_reader import CropRunner
from deployments.ocr.extraction import OcrRunner
from deployments.ocr.store.execution_store import ExecutionStore
from deployments.settings import ContainerNumberArgs, OcrArgs, SpeechArgs, TaskServiceArgs
from deployments.speech.loaded_backends import LoadedBackends
from deployments.tasks.replica_tasks import ReplicaTasks, open_tasks
from deployments.tasks.routes import TaskFace
from deployments.tasks.work import TaskWork


async def ocr_tasks(args: OcrArgs, runner: OcrRunner, store: ExecutionStore) -> ReplicaTasks:
    from deployments.ocr.task_face import task_face
    from deployments.ocr.task_work import OcrTaskWork

    policy = args.model.policy.with_environment(os.environ)
    return await _open("ocr", args, OcrTaskWork(runner, store), task_face(args.limits, policy))


async def speech_tasks(args: SpeechArgs, backends: LoadedBackends) -> ReplicaTasks:
    from deployments.speech.task_face import task_face
    from deployments.speech.task_work import SpeechTaskWork

    policy = args.backends[0].audio.with_environment(os.environ).media_policy()
    return await _open("speech", args, SpeechTaskWork(backends), task_face(backends, args.limits, policy))


async def container_number_tasks(
    args: ContainerNumberArgs,
    runner: CropRunner,
    finder: TextFinder | None,
    adapters: AdapterFolder,
    on_numbers: Callable[[int], None],
) -> ReplicaTasks:
    from deployments.container_number.number_reader import NumberReader
    from deployments.container_number.task_face import task_face
    from deployments.container_number.task_work import ContainerNumberTaskWork

    policy = args.model.policy.with_environment(os.environ)
    work = ContainerNumberTaskWork(NumberReader(runner, finder, policy), policy, on_numbers)
    face = task_face("florence" if finder is None else "auto", adapters, policy)
    return await _open("container-number", args, work, face)


async def _open(service: str, args: TaskServiceArgs, work: TaskWork, face: TaskFace) -> ReplicaTasks:
    import ray

    return await open_tasks(service, args.tasks, work, face, node_count=sum(node["Alive"] for node in ray.nodes()))
