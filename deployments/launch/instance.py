"""The one local instance of this checkout: its folder, its ports, its processes. Knows neither Ray's API nor HTTP."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Instance:
    """What `sensorium serve` started, as written to `state.json`."""

    name: str
    """In the environment of every process of this instance, as `SENSORIUM_INSTANCE`: how they are found."""
    pid: int
    """Of `ray start --block`."""
    host: str
    port: int
    """Of the services' HTTP face."""
    dashboard_port: int
    gcs_port: int
    temp_dir: str
    config: str

    @property
    def base_url(self) -> str:
        return local_url(self.host, self.port)

    @property
    def dashboard_url(self) -> str:
        return f"http://127.0.0.1:{self.dashboard_port}"


def local_url(host: str, port: int) -> str:
    """Where programs on this machine reach a server that listens on `host`."""
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104 - compared, not bound


def state_folder() -> Path:
    """Where this instance keeps state, logs and (by default) data. `SENSORIUM_HOME` chooses another."""
    return Path(os.environ.get("SENSORIUM_HOME", ROOT / ".sensorium")).absolute()


def load() -> Instance | None:
    """The instance that was started and still has its head process, or None."""
    file = state_folder() / "state.json"
    try:
        instance = Instance(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return instance if instance.pid in processes(instance.name) else None


def save(instance: Instance) -> None:
    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "state.json.new"
    draft.write_text(json.dumps(asdict(instance), indent=2))
    draft.replace(folder / "state.json")


def processes(name: str) -> list[int]:
    """Ids of all live processes of the instance `name`, oldest first."""
    marker = f"SENSORIUM_INSTANCE={name}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if marker in (entry / "environ").read_bytes().split(b"\0") and _alive(entry):
                found.append(int(entry.name))
        except OSError:  # it ended, or it is somebody else's
            continue
    return sorted(found)


def end(instance: Instance, patience_s: float) -> int:
    """Ask the head to stop, wait, then kill what is left of the instance; returns how many had to be killed."""
    own = os.getpid()
    left: list[int] = []
    _signal(instance.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while (left := [pid for pid in processes(instance.name) if pid != own]) and time.monotonic() < deadline:
        if instance.pid not in left:
            break  # the head is gone; its children have no one left to stop them
        time.sleep(0.1)
    time.sleep(0.3)
    left = [pid for pid in processes(instance.name) if pid != own]
    for pid in left:
        _signal(pid, signal.SIGKILL)
    with contextlib.suppress(FileNotFoundError):
        (state_folder() / "state.json").replace(state_folder() / "last.json")
    return len(left)


def remove_last() -> None:
    """Delete the logs and sockets of the instance that ran before; they are kept until the next start."""
    file = state_folder() / "last.json"
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        folder = Path(json.loads(file.read_text())["temp_dir"])
        if folder.name.startswith("srm-"):
            shutil.rmtree(folder, ignore_errors=True)
        file.unlink()


def free_port(preferred: int, host: str = "127.0.0.1", but: Collection[int] = ()) -> int:
    """`preferred` if nothing listens there, else some free port outside Ray's worker range (10002-19999).

    Args:
        but: ports promised to others already.
    """
    first = 20000 + os.getpid() % 5000
    ports: tuple[int, ...] = (preferred, *range(first, 32000))
    return next(port for port in ports if port not in but and port_is_free(port, host))


def free_ports(**preferred: int) -> dict[str, int]:
    """A free port for each name, no two the same.

    None is one that another process was given here and may not have bound yet: Ray and HAProxy bind theirs seconds
    later, and two instances that start at once would else deploy to each other's dashboard.
    """
    with _promised() as promised:
        chosen: dict[str, int] = {}
        for name, port in preferred.items():
            chosen[name] = free_port(port, but={*promised, *chosen.values()})
        promised.update(dict.fromkeys(chosen.values(), os.getpid()))
    return chosen


def free_range(first: int, size: int) -> int:
    """The first port of a run of `size` whose start is free, and which no other process was given."""
    with _promised() as promised:
        while first in promised or not port_is_free(first, "127.0.0.1"):
            first += size
        promised[first] = os.getpid()
    return first


@contextlib.contextmanager
def _promised() -> Iterator[dict[int, int]]:
    """Ports given to processes of this user that still live, with their ids; what is added is kept."""
    file = Path(tempfile.gettempdir(), f"sensorium-ports-{os.getuid()}.json")
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            known = {int(port): int(pid) for port, pid in json.load(stream).items()}
        except ValueError:
            known = {}
        promised = {port: pid for port, pid in known.items() if Path("/proc", str(pid)).exists()}
        yield promised
        stream.seek(0)
        stream.truncate()
        json.dump(promised, stream)


def port_is_free(port: int, host: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _alive(entry: Path) -> bool:
    return "\nState:\tZ" not in (entry / "status").read_text()


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
