"""Dockerfile and compose.yaml, read by hand: there is no container engine where these tests run.

What they name must exist, agree with the installer and the monitoring files, and pass a shell's parser.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from deployments.launch import install

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def _instructions() -> list[tuple[str, str]]:
    """(instruction, arguments), continuation lines joined, comments gone."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text())
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for line in lines if line.strip() for word, _, rest in [line.partition(" ")]]


DOCKERFILE = _instructions()


def _all(instruction: str) -> list[str]:
    return [rest for word, rest in DOCKERFILE if word == instruction]


# ---- Dockerfile ------------------------------------------------------------------------------------------------------


def test_only_dockers_instructions_are_used() -> None:
    known = {
        "FROM", "ARG", "ENV", "SHELL", "WORKDIR", "RUN", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL",
        "HEALTHCHECK", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    assert {word for word, _ in DOCKERFILE} <= known
    assert len(_all("FROM")) == 2


def test_what_is_copied_exists_and_is_sent_to_the_builder() -> None:
    ignore = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignore[0] == "*"
    sent = {line[1:] for line in ignore if line.startswith("!")}
    copied = {source for rest in _all("COPY") if "--from" not in rest for source in rest.split()[:-1]}
    assert copied == sent
    for source in copied:
        assert (ROOT / source).exists(), source
    for secret in (".git", ".venv", ".sensorium", "compose.env", "tests"):
        assert not any(fnmatch(secret, pattern) for pattern in sent)


def test_copies_between_stages_are_of_what_the_first_one_made() -> None:
    made = {"/opt/venv", "/opt/sensorium"}
    for rest in _all("COPY"):
        if "--from" in rest:
            stage, source, target = rest.split()
            assert stage == "--from=build"
            assert source == target
            assert source in made


def test_packages_are_the_installers() -> None:
    run = "\n".join(_all("RUN"))
    assert f"pip install torch=={install.TORCH};" in run
    assert f"pip install --no-deps torch=={install.TORCH}+cpu --index-url {install.CPU_INDEX}" in run
    assert "pip install --no-deps -r requirements.lock" in run
    assert "requirements-dev.lock" not in run
    gpu = re.search(r"onnxruntime-gpu==\S+", run)
    assert gpu is not None
    assert gpu[0].rstrip(";") in (ROOT / "cluster.yaml").read_text()


@pytest.mark.parametrize("command", _all("RUN"))
def test_every_command_is_shell(command: str) -> None:
    script = re.sub(r"^(--mount=\S+\s+)+", "", command)
    check = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
    if "apt-get install" in script:
        assert "--no-install-recommends" in script
        assert "rm -rf /var/lib/apt/lists/*" in script


def test_it_runs_as_nobody_special_and_cannot_write_its_program() -> None:
    words = [word for word, _ in DOCKERFILE]
    user = _all("USER")
    assert user == ["10001:10001"]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert not any("--chown" in rest for rest in _all("COPY"))
    home = dict(part.split("=", 1) for part in shlex.split(_all("ENV")[-1]))
    for variable in ("HOME", "SENSORIUM_HOME", "HF_HOME"):
        assert home[variable].startswith(tuple(json.loads(_all("VOLUME")[0])))


def test_no_secret_is_baked_in() -> None:
    for rest in (*_all("ENV"), *_all("ARG")):
        assert not re.search(r"(?i)password|secret|token|key", rest), rest


def test_the_entry_point_is_our_command_with_options_that_it_has() -> None:
    from deployments.cli.program import app

    assert json.loads(_all("ENTRYPOINT")[0]) == ["tini", "--", "sensorium"]
    verb, *words = json.loads(_all("CMD")[0])
    command: Any = typer.main.get_command(app)
    context = command.commands[verb].make_context(verb, words)
    assert context.params["foreground"] is True
    assert (ROOT / context.params["config"]).is_file()
    health = json.loads(_all("HEALTHCHECK")[0].partition("CMD ")[2])
    assert f"127.0.0.1:{context.params['port']}/readyz" in health[-1]
    compile(health[-1], "healthcheck", "exec")
    assert _all("EXPOSE") == [str(context.params["port"])]


# ---- compose.yaml ----------------------------------------------------------------------------------------------------


def test_every_key_is_composes() -> None:
    """Keys of https://github.com/compose-spec/compose-spec that this file uses; a typo is not among them."""
    assert set(COMPOSE) <= {"name", "services", "secrets", "networks", "volumes", "x-logging"}
    known = {
        "build", "image", "depends_on", "environment", "ports", "volumes", "shm_size", "stop_grace_period", "read_only",
        "tmpfs", "cap_drop", "security_opt", "restart", "logging", "networks", "healthcheck", "network_mode", "command",
        "secrets",
    }  # fmt: skip
    for name, service in SERVICES.items():
        assert set(service) <= known, name
        assert not {"networks", "network_mode"} <= set(service), name
        assert set(service.get("healthcheck", {})) <= {"test", "interval", "timeout", "retries", "start_period"}


def test_mounts_volumes_and_secrets_are_there() -> None:
    used = set()
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source, target, *mode = mount.split(":")
            assert target.startswith("/")
            if source.startswith("."):
                assert (ROOT / source).exists(), source
                assert mode == ["ro"], mount
            else:
                used.add(source)
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert used == set(COMPOSE["volumes"])


def test_a_service_waits_for_one_that_can_say_it_is_healthy() -> None:
    for service in SERVICES.values():
        for other, terms in service.get("depends_on", {}).items():
            assert terms["condition"] == "service_healthy"
            assert "healthcheck" in SERVICES[other] or (other == "sensorium" and _all("HEALTHCHECK"))


def test_every_variable_is_in_the_example_and_no_secret_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text()
    example = dict(
        line.split("=", 1)
        for line in (ROOT / "compose.env.example").read_text().splitlines()
        if "=" in line and line[0] != "#"
    )
    asked = set(re.findall(r"\$\{(\w+)", text))
    assert asked - set(example) == {"SENSORIUM_VERSION"}
    assert set(example) <= asked
    for name in ("DATABASE_PASSWORD", "RAY_AUTH_TOKEN", "GRAFANA_PASSWORD"):
        assert example[name] == ""
        assert all(use.startswith(":?") for use in re.findall(rf"\$\{{{name}(:?.)", text))
    assert "compose.env\n" in (ROOT / ".gitignore").read_text()


def test_images_are_pinned_and_ports_are_the_machines_own() -> None:
    for name, service in SERVICES.items():
        if name != "sensorium":
            assert re.search(r":v?\d+[\w.-]*$", service["image"]), service["image"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_prometheus_and_grafana_find_their_files() -> None:
    monitoring = ROOT / "ray_configs" / "monitoring"
    mounts = {
        target: source
        for name in ("prometheus", "grafana")
        for source, target, *_ in (mount.split(":") for mount in SERVICES[name]["volumes"])
    }
    config = yaml.safe_load((monitoring / "prometheus.yml").read_text())
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]
    for rules in config["rule_files"]:
        assert f"/etc/prometheus/{rules}" in mounts
    credentials = config["scrape_configs"][0]["http_sd_configs"][0]["authorization"]["credentials_file"]
    [secret] = SERVICES["prometheus"]["secrets"]
    assert credentials == f"/run/secrets/{secret}"
    [provider] = yaml.safe_load((monitoring / "grafana/provisioning/dashboards/sensorium.yml").read_text())["providers"]
    assert ROOT / mounts[provider["options"]["path"]] == monitoring / "grafana/dashboards"
    [source] = yaml.safe_load((monitoring / "grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"].removeprefix("$") in SERVICES["grafana"]["environment"]
    assert mounts["/etc/grafana/provisioning"] == "./ray_configs/monitoring/grafana/provisioning"
