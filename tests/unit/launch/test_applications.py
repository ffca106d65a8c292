"""`serve build` finds the services as applications."""

from __future__ import annotations

import pytest

from deployments import applications


@pytest.mark.parametrize("name", applications.SERVICES)
def test_each_service_is_an_application_with_default_arguments(name: str) -> None:
    from ray._common.utils import import_attr
    from ray.serve import Application
    from ray.serve._private.build_app import build_app

    application = import_attr(f"deployments.applications:{name}")
    assert isinstance(application, Application)
    assert name.replace("_", "-") in {deployment.name for deployment in build_app(application, name=name).deployments}


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="it has ocr"):
        applications.nothing  # noqa: B018
