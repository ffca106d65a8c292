"""Every block of docs/migrating.md runs, and what stands beside each other does the same."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.conftest import ROOT, Cluster

PAGE = (ROOT / "docs" / "migrating.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
BEFORE = [block for block in BLOCKS if block.startswith("# before\n")]
NOW = [block for block in BLOCKS if block.startswith("# now\n")]
# Celery's `delay` would need a worker; tests/unit/client/test_celery_task.py has one. Here the task runs in place.
IN_PLACE = "import celery; celery.Task.delay = lambda task, *args, **fields: task.apply(args, fields)\n"


def run(block: str, cluster: Cluster) -> str:
    """What `block` prints, in the project's root, with the page's address and folder replaced by the cluster's."""
    code = block.replace("http://127.0.0.1:8000", cluster.url).replace("/data/scans", str(cluster.media))
    done = subprocess.run(
        [sys.executable, "-c", IN_PLACE * ("celery" in code) + code],
        env={**os.environ, "SENSORIUM_URL": cluster.url},
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, f"{block}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def scans(cluster: Cluster) -> None:
    """What the page calls /data/scans: a folder that the server may read, without `missing.png`."""
    for name in ("receipt.png", "invoice.jpg"):
        (cluster.media / name).write_bytes((ROOT / "samples" / name).read_bytes())


def test_each_block_is_the_old_or_the_new_of_a_pair_or_stands_alone() -> None:
    order = "".join("b" if block in BEFORE else "n" if block in NOW else "." for block in BLOCKS)
    assert re.fullmatch(r"(bn)+\.", order), order
    for word in ("BentoMLClient", "OCRStage", "PipelineContext", "httpx.AsyncClient", "requests.post", "@app.task"):
        assert any(word in block for block in BEFORE), word


@pytest.mark.usefixtures("scans")
@pytest.mark.parametrize(("before", "now"), list(zip(BEFORE, NOW, strict=True)), ids=range(len(BEFORE)))
def test_the_old_call_and_the_new_one_print_the_same(cluster: Cluster, before: str, now: str) -> None:
    printed = run(before, cluster)
    assert run(now, cluster) == printed
    assert len(printed.strip()) > 2


def test_container_numbers_over_http(cluster: Cluster) -> None:
    assert run(BLOCKS[-1], cluster) == "[('CSQU3054383', True, '22G1')]\n"


def old_commands() -> dict[str, list[str]]:
    """Script of the first column in the table of commands -> its flags."""
    rows = re.findall(r"(?m)^\| `(prepare_dataset|finetune_florence|batch_process) (.*?)` \| `(.*?)`", PAGE)
    assert len(rows) == 4
    return {f"{script} {index}": shlex.split(flags) for index, (script, flags, _) in enumerate(rows)}


def test_the_old_flags_of_the_scripts_are_accepted(cluster: Cluster, tmp_path: Path) -> None:
    from training import finetune_florence

    template, prepare, finetune, batch = old_commands().values()
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("container.png", "yard.jpg"):
        (photos / name).write_bytes((ROOT / "samples" / name).read_bytes())

    def command(*words: str) -> None:
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr

    command(sys.executable, "-m", "training.prepare_dataset", *template)
    annotations = tmp_path / "annotations.json"
    entries = json.loads(annotations.read_text())
    labels = {"container_number": "CSQU3054383", "owner_code": "CSQU", "serial_number": "305438", "check_digit": "3"}
    assert [{key: entry[key] for key in labels} for entry in entries["images"]] == [dict.fromkeys(labels, "TODO")] * 2
    for entry in entries["images"]:
        entry.update(labels)
    annotations.write_text(json.dumps(entries))

    command(sys.executable, "-m", "training.prepare_dataset", *prepare)
    items = [json.loads((tmp_path / "dataset" / name).read_text()) for name in ("train.json", "val.json")]
    assert [set(item) >= {"image", "prefix", "suffix"} for part in items for item in part] == [True, True]

    settings = finetune_florence.settings_from(finetune_florence.parser().parse_args(finetune))
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (10, 2, 1e-4)

    program = str(Path(sys.executable).parent / "sensorium")
    command(program, "container", *batch, "--url", cluster.url)
    results = (tmp_path / "results.txt").read_text()
    assert "CSQU3054383" in results
    assert "TEMU6079348" in results
