"""`pip install .` without extras, in a venv that holds nothing else: the client and the command's remote verbs work."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "ray", "numpy", "fastapi", "starlette", "transformers", "PIL")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the venv's programs. Its packages are this environment's, copied: no network is needed."""
    folder = tmp_path_factory.mktemp("base")
    source = folder / "source"
    for name in ("deployments", "training"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    venv.create(folder / "venv")
    programs = folder / "venv" / "bin"
    [packages] = (folder / "venv" / "lib").glob("python3*/site-packages")
    for package in base_packages():
        for file in package.files or ():
            target = packages / file
            if packages in target.resolve().parents:  # not its programs
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)
    _pip("wheel", "--no-build-isolation", "--wheel-dir", folder, source)
    _pip("--python", programs / "python", "install", next(folder.glob("sensorium-*.whl")))
    return programs


def _pip(*words: Path | str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", *map(str, words), "--no-index", "--no-deps"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def base_packages() -> list[Distribution]:
    """Installed distributions that the base dependencies of pyproject.toml need, with all that those need."""
    waiting = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found: dict[str, Distribution] = {}
    while waiting:
        wanted = Requirement(waiting.pop())
        if wanted.name not in found and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            found[wanted.name] = distribution(wanted.name)
            waiting += found[wanted.name].requires or []
    return list(found.values())


def run(*command: Path | str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in command],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_the_client_imports_in_half_a_second_and_nothing_heavy(environment: Path) -> None:
    code = f"import sys; from deployments.client import Sensorium; print([n for n in {HEAVY} if n in sys.modules])"
    assert run(environment / "python", "-c", code).stdout == "[]\n"
    absent = f"import importlib.util as u; print([n for n in {HEAVY} if u.find_spec(n)])"
    assert run(environment / "python", "-c", absent).stdout == "[]\n"

    def seconds() -> float:
        imports = run(
            environment / "python", "-X", "importtime", "-c", "from deployments.client import Sensorium"
        ).stderr
        [microseconds] = [line.split("|")[1] for line in imports.splitlines() if line.endswith("| deployments.client")]
        return int(microseconds) / 1e6

    assert min(seconds() for _ in range(3)) < 0.5


def test_the_command_runs_and_asks_a_server(environment: Path) -> None:
    shown = run(environment / "sensorium", "--help").stdout
    for verb in ("ocr", "transcribe", "embed", "container"):
        assert verb in shown
        assert "Example" in run(environment / "sensorium", verb, "--help").stdout
    failed = run(environment / "sensorium", "embed", "hello", "--url", "http://127.0.0.1:9", status=3)
    assert "no server answers at http://127.0.0.1:9" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_client_carries_its_types(environment: Path) -> None:
    code = "import deployments, pathlib; print(pathlib.Path(deployments.__path__[0], 'py.typed').exists())"
    assert run(environment / "python", "-c", code).stdout == "True\n"
