"""One cluster for all tests of this folder, and the table of what they counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.fake_cluster import ROOT, FakeCluster, fake_cluster
from tests.cluster.figures import Figures

_FIGURES = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = Figures()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCluster]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENSORIUM_HOME", str(home))
        # One card in all, so that a share too many has nowhere to go.
        with fake_cluster(ROOT / "cluster.yaml", home, max_workers={"gpu_worker": 1}) as running:
            yield running


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where a test notes what it counted; shown at the end of the run."""
    return request.config.stash[_FIGURES]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash[_FIGURES].table():
        terminalreporter.section("what died, and what became of the requests")
        for line in lines:
            terminalreporter.write_line(line)
