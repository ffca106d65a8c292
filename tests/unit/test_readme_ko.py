"""README.ko.md says what README.md says. Each failure names the section, and what is missing or too much there."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EACH_OTHER = ("README.md", "README.ko.md")
"""Each links to the other."""
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A heading and what follows until the next one."""

    level: int
    title: str
    body: str

    @property
    def prose(self) -> str:
        """Without code blocks."""
        return _FENCE.sub("", self.body)

    def blocks(self) -> list[tuple[str, str]]:
        """(language, code) of each code block. Comments may be translated, so they are left out."""
        return [(kind, re.sub(r"(?m)[ \t]+# .*$", "", code)) for kind, code in _FENCE.findall(self.body)]

    def facts(self) -> dict[str, Counter[str]]:
        """What no translation changes."""
        prose = self.prose
        words = re.sub(r"`[^`]*`|\]\([^)]*\)|<http[^>]*>", " ", prose)
        links = re.findall(r"\]\(([^)]*)\)|<(http[^>]*)>", prose)
        return {
            "code": Counter(re.findall(r"`([^`]+)`", prose)),
            "link": Counter(target for pair in links for target in pair if target and target not in EACH_OTHER),
            "number": Counter(number.rstrip(".,") for number in re.findall(r"\d[\d.,:-]*", words)),
            "table row": Counter({"rows": len(re.findall(r"(?m)^\|", prose))}),
        }


def sections(name: str) -> list[Section]:
    text = (ROOT / name).read_text()
    shielded = _FENCE.sub(lambda match: match[0].replace("\n#", "\n\0#"), text)  # a comment is no heading
    pieces = re.split(r"(?m)^(#+) (.*)$", shielded)
    found = zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True)
    return [Section(len(marks), title, body.replace("\0", "")) for marks, title, body in found]


ENGLISH, KOREAN = sections("README.md"), sections("README.ko.md")


def test_the_headings_have_the_same_levels_in_the_same_order() -> None:
    assert [section.level for section in KOREAN] == [section.level for section in ENGLISH], (
        f"README.md has {[section.title for section in ENGLISH]}, "
        f"README.ko.md has {[section.title for section in KOREAN]}"
    )


@pytest.mark.parametrize(
    ("english", "korean"),
    list(zip(ENGLISH, KOREAN, strict=False)),
    ids=[section.title for section in ENGLISH[: len(KOREAN)]],
)
def test_a_section_holds_the_same(english: Section, korean: Section) -> None:
    assert korean.blocks() == english.blocks(), f"code blocks of {korean.title!r} (comments aside)"
    ours, theirs = korean.facts(), english.facts()
    for kind, wanted in theirs.items():
        missing, extra = wanted - ours[kind], ours[kind] - wanted
        assert not missing, f"README.ko.md, {korean.title!r}: missing {kind}: {dict(missing)}"
        assert not extra, f"README.ko.md, {korean.title!r}: {kind} that README.md has not: {dict(extra)}"


def test_each_section_is_in_korean() -> None:
    for section in KOREAN:
        if len(section.prose.strip()) > 80:
            assert len(re.findall(r"[가-힣]", section.prose)) > 20, section.title


def test_local_links_lead_somewhere() -> None:
    for section in KOREAN:
        for target in section.facts()["link"]:
            if not target.startswith("http"):
                assert (ROOT / target.partition("#")[0]).exists(), target
