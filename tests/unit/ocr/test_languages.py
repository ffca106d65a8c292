from __future__ import annotations

import pytest

from deployments.ocr.languages import canonical
from deployments.serving.errors import InvalidInput


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("korean", "korean"), ("ko", "korean"), ("KO-kr", "korean"), (" kor ", "korean"),
        ("en", "en"), ("English", "en"), ("eng", "en"), ("en_US", "en"),
        ("ch", "ch"), ("zh", "ch"), ("zh-CN", "ch"), ("zh_cn", "ch"), ("chinese", "ch"),
        ("chinese_cht", "chinese_cht"), ("zh-TW", "chinese_cht"),
        ("japan", "japan"), ("ja", "japan"), ("Japanese", "japan"),
        ("latin", "latin"), ("fr", "latin"), ("german", "latin"), ("rs_latin", "latin"),
        ("arabic", "arabic"), ("klingon", "klingon"),
    ],
)  # fmt: skip
def test_aliases(name: str, wanted: str) -> None:
    assert canonical(name) == wanted


@pytest.mark.parametrize("name", ["", "  ", "x" * 33, "a\nb", "\0"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidInput):
        canonical(name)
