"""Names of languages: PaddleOCR's own, as the old service took them, and the aliases people write instead."""

from __future__ import annotations

from deployments.serving.errors import InvalidInput

KOREAN = "korean"
PP_OCR_V6 = ("ch", "chinese_cht", "en", "japan", "latin")
"""What PP-OCRv6's recogniser reads: `_PPOCRV6_LANGS` in paddleocr 3.7.0, its Latin languages as one."""

_LATIN = (
    "af az bs cs cy da de es et fr ga hr hu id is it ku la lt lv mi ms mt nl no oc pl pt ro rs_latin sk sl sq sv sw tl "
    "tr uz vi fi eu gl lb rm ca qu french german spanish italian portuguese dutch polish turkish vietnamese swedish "
    "danish norwegian finnish czech hungarian romanian indonesian"
)
"""Codes from `paddleocr._utils.langs.LATIN_LANGS` (3.7.0; without `pi`, which PP-OCRv6 lacks), and English names."""

_ALIASES = {
    "ko": KOREAN, "kor": KOREAN, "ko-kr": KOREAN, "kr": KOREAN,
    "english": "en", "eng": "en", "en-us": "en", "en-gb": "en",
    "zh": "ch", "chi": "ch", "chinese": "ch", "zh-cn": "ch", "zh-hans": "ch", "chi_sim": "ch", "ch_sim": "ch",
    "zh-tw": "chinese_cht", "zh-hk": "chinese_cht", "zh-hant": "chinese_cht", "chi_tra": "chinese_cht",
    "ch_tra": "chinese_cht",
    "ja": "japan", "jp": "japan", "jpn": "japan", "japanese": "japan", "ja-jp": "japan",
    **dict.fromkeys(_LATIN.split(), "latin"),
}  # fmt: skip


def canonical(language: str) -> str:
    """PaddleOCR's name of `language`: `ko` -> `korean`, `zh-CN` -> `ch`, `fr` -> `latin`; others in lower case.

    Raises:
        InvalidInput: not a name at all.
    """
    name = language.strip().lower()
    if not name or len(name) > 32 or not name.isprintable():
        raise InvalidInput("language must be a name such as korean, en, ch, japan or latin", field="language")
    return _ALIASES.get(name) or _ALIASES.get(name.replace("_", "-")) or name
