"""HAProxy's access log: one JSON line a request, in a file beside Ray's own logs, with the request's id.

Ray's template sends the log to a syslog server on 127.0.0.1:514, which is not there. Here HAProxy writes to its
standard output, a pipe whose other end is a small process that appends to the file and keeps it bounded. It ends with
HAProxy. Lines that are not JSON are HAProxy's own: a server that went down or came back.

Standard library only, see `deployments.launch.haproxy_edge`.
"""

from __future__ import annotations

import fcntl
import os
import re
import sys
from pathlib import Path

PATH_VARIABLE = "SENSORIUM_EDGE_LOG"
RAYS_LOGS = Path("/tmp/ray/session_latest/logs/serve")  # noqa: S108 - Ray's own default, where its dashboard looks
MAX_BYTES = 100_000_000
"""The file is renamed to `.1` when it is longer, over an older `.1`: twice this is the most that stays on disk."""

# The same characters as `deployments.web.request_id` takes.
_FIT_ID = "^[A-Za-z0-9._:/+=@~-]{1,128}$"

_FIELDS = (
    ("time", "%[var(txn.sensorium_time)]"),
    ("proxy", "haproxy"),
    ("method", "%HM"),
    ("path", "%[var(txn.sensorium_path)]"),
    ("backend", "%b"),
    ("server", "%s"),
)
_NUMBERS = (
    ("status", "%ST"),
    ("ms", "%Ta"),
    ("queue_ms", "%Tw"),
    ("connect_ms", "%Tc"),
    ("response_ms", "%Tr"),
    ("bytes_in", "%U"),
    ("bytes_out", "%B"),
)
_ENDING = (
    ("retries", "%rc"),
    ("end", "%ts"),
    ("request_id", "%[var(txn.sensorium_id)]"),
    ("client", "%ci"),
)


def log_format() -> str:
    """The `log-format` line: times in milliseconds (-1: that step was not reached), `end` HAProxy's own two letters."""
    quoted = [f'"{name}":"{value}"' for name, value in (*_FIELDS, *_ENDING)]
    plain = [f'"{name}":{value}' for name, value in _NUMBERS]
    middle = len(_FIELDS)
    line = "{" + ",".join((*quoted[:middle], *plain, *quoted[middle:])) + "}"
    return "    log-format " + line.replace('"', r"\"").replace(" ", r"\ ")


def add_request_ids(config: str) -> str:
    """haproxy.cfg whose HTTP face gives every request an id that is fit to be logged, and logs it.

    A client's own id is kept if it is one header of 1 to 128 safe characters, else replaced. Whoever answers, a replica
    or HAProxy itself, the response names it.
    """
    if "txn.sensorium_id" in config:
        return config
    lines = (
        "    http-request set-header x-request-id %[uuid] unless { req.fhdr_cnt(x-request-id) eq 1 }"
        f" {{ req.fhdr(x-request-id) -m reg {_FIT_ID} }}",
        "    http-request set-var(txn.sensorium_id) req.fhdr(x-request-id)",
        "    http-request set-var(txn.sensorium_time) date,utime(%Y-%m-%dT%H:%M:%S+00:00)",
        "    http-request set-var(txn.sensorium_path) path,bytes(0,512),json(utf8ps)",
        "    http-after-response set-header x-request-id %[var(txn.sensorium_id)]"
        " if { var(txn.sensorium_id) -m found }",
        log_format(),
    )
    return re.sub(
        r"(?m)^(frontend http_frontend\n\s*bind .*\n)", lambda found: found[1] + "\n".join(lines) + "\n", config
    )


def to_standard_output(config: str) -> str:
    """haproxy.cfg whose access log goes to standard output, which `open_log` leads into a file."""
    return re.sub(r"(?m)^(\s*log )\S+( local0 info)$", r"\1stdout len 4096 format raw\2", config)


def log_path() -> Path | None:
    """Where the log goes: `SENSORIUM_EDGE_LOG`, else beside Ray's own logs where they are; None for nowhere."""
    if named := os.environ.get(PATH_VARIABLE):
        return Path(named)
    return RAYS_LOGS / "haproxy.log" if RAYS_LOGS.is_dir() else None


def open_log(path: Path) -> None:
    """Lead this process's standard output into `path`, through a process of its own that outlives `exec`."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:  # nobody's child, so that HAProxy need not bury it
            os.close(writing)
            os.setsid()
            try:
                _append(reading, path)
            finally:
                os._exit(0)
        os._exit(0)
    os.wait()
    os.close(reading)
    os.dup2(writing, sys.stdout.fileno())
    os.close(writing)


def _append(reading: int, path: Path) -> None:
    """Copy whole lines until the other end closes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = b""
    while piece := os.read(reading, 1 << 16):
        lines, newline, rest = (rest + piece).rpartition(b"\n")
        _write(path, lines + newline)
    _write(path, rest)


def _write(path: Path, lines: bytes) -> None:
    """Opened for each piece: while HAProxy reloads, two of us write, and either may rename the file."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(lines)
        file.flush()
        renamed = not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino
        if file.tell() > MAX_BYTES and not renamed:
            path.replace(path.with_name(f"{path.name}.1"))
