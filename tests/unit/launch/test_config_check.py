"""Finding the mistakes in a Serve configuration before it is deployed: Ray's schema accepts typos in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deployments.launch import config, config_check
from deployments.launch.errors import LaunchFailed

TEXT = """
applications:
  - name: a
    import_path: deployments.app:embedding
    args: {batching: {max_batch_size: 4}}
    deployments: [{name: d, num_replicas: 1, user_config: {anything: 1}}]
"""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("num_replicas: 1|num_replcas: 1", "applications.a.deployments.d.num_replcas: unknown key"),
        ("name: a|nmae: a", "applications.0.nmae: unknown key"),
        ("\napplications:|\nhttp_options: {prot: 1}\napplications:", "http_options.prot: unknown key"),
        ("num_replicas: 1|num_replicas: one", 'must be an int or "auto"'),
        ("max_batch_size: 4|max_batch_sise: 4", "applications.a.args.batching.max_batch_sise: unknown key"),
        ("max_batch_size: 4|max_batch_size: many", "applications.a.args.batching.max_batch_size: Input should be"),
        ("app:embedding|app:embeding", "applications.a.import_path: deployments.app has no `embeding`"),
        ("app:embedding|app:_face", "applications.a.import_path: deployments.app has no `_face`"),
    ],
)
def test_a_mistake_is_named_with_its_path(tmp_path: Path, change: str, problem: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(TEXT)
    assert config.load(file) == yaml.safe_load(TEXT)
    right, wrong = change.split("|")
    file.write_text(TEXT.replace(right, wrong))
    with pytest.raises(LaunchFailed) as refused:
        config.load(file)
    assert problem in str(refused.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(TEXT.replace("num_replicas", "replicas").replace("max_batch_size", "size"))
    with pytest.raises(LaunchFailed) as refused:
        config.load(file)
    assert str(refused.value).count("unknown key") == 2


def test_applications_of_other_modules_are_left_to_them() -> None:
    document = {"applications": [{"name": "mine", "import_path": "my.app:build", "args": {"whatever": 1}}]}
    assert config_check.problems(document) == []
