"""Languages by ISO 639-1 code, with the English names that OpenAI's API answers.

The hundred that Whisper knows (openai-whisper 20250625, tokenizer.py); `haw`, `jw`, `yue` are its own codes.
"""

from __future__ import annotations

from collections.abc import Sequence

from deployments.serving.errors import UnsupportedOption

NAMES: dict[str, str] = {
    "af": "afrikaans", "am": "amharic", "ar": "arabic", "as": "assamese", "az": "azerbaijani", "ba": "bashkir",
    "be": "belarusian", "bg": "bulgarian", "bn": "bengali", "bo": "tibetan", "br": "breton", "bs": "bosnian",
    "ca": "catalan", "cs": "czech", "cy": "welsh", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fo": "faroese",
    "fr": "french", "gl": "galician", "gu": "gujarati", "ha": "hausa", "haw": "hawaiian", "he": "hebrew",
    "hi": "hindi", "hr": "croatian", "ht": "haitian creole", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "is": "icelandic", "it": "italian", "ja": "japanese", "jw": "javanese", "ka": "georgian", "kk": "kazakh",
    "km": "khmer", "kn": "kannada", "ko": "korean", "la": "latin", "lb": "luxembourgish", "ln": "lingala",
    "lo": "lao", "lt": "lithuanian", "lv": "latvian", "mg": "malagasy", "mi": "maori", "mk": "macedonian",
    "ml": "malayalam", "mn": "mongolian", "mr": "marathi", "ms": "malay", "mt": "maltese", "my": "myanmar",
    "ne": "nepali", "nl": "dutch", "nn": "nynorsk", "no": "norwegian", "oc": "occitan", "pa": "punjabi",
    "pl": "polish", "ps": "pashto", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sa": "sanskrit",
    "sd": "sindhi", "si": "sinhala", "sk": "slovak", "sl": "slovenian", "sn": "shona", "so": "somali",
    "sq": "albanian", "sr": "serbian", "su": "sundanese", "sv": "swedish", "sw": "swahili", "ta": "tamil",
    "te": "telugu", "tg": "tajik", "th": "thai", "tk": "turkmen", "tl": "tagalog", "tr": "turkish", "tt": "tatar",
    "uk": "ukrainian", "ur": "urdu", "uz": "uzbek", "vi": "vietnamese", "yi": "yiddish", "yo": "yoruba",
    "yue": "cantonese", "zh": "chinese",
}  # fmt: skip

_ALIASES = {
    "burmese": "my", "valencian": "ca", "flemish": "nl", "haitian": "ht", "letzeburgesch": "lb", "pushto": "ps",
    "panjabi": "pa", "moldavian": "ro", "moldovan": "ro", "sinhalese": "si", "castilian": "es", "mandarin": "zh",
    "jv": "jw", "iw": "he", "nb": "no",
}  # fmt: skip


def language_name(code: str) -> str:
    """English name in lower case, as OpenAI's `verbose_json` gives it; the code itself where it has none."""
    return NAMES.get(code, code)


def parse_language(said: str, available: Sequence[str]) -> str:
    """The code for `ko`, `KO`, `ko-KR`, `ko_KR` or `Korean`.

    Raises:
        UnsupportedOption: no such language, or not one of `available`.
    """
    wanted = said.strip().lower()
    base = wanted.replace("_", "-").partition("-")[0]
    by_name = {name: code for code, name in NAMES.items()} | _ALIASES
    code = next((found for found in (by_name.get(wanted, wanted), by_name.get(base, base)) if found in NAMES), None)
    if code is None:
        raise UnsupportedOption(
            f"there is no language {said[:40]!r}; send an ISO 639-1 code such as ko, or leave it out to detect it",
            field="language",
            available=list(available),
        )
    if code not in available:
        raise UnsupportedOption(
            f"this backend does not know {NAMES[code]} ({code}); it knows {_listed(available)}",
            field="language",
            available=list(available),
        )
    return code


def _listed(available: Sequence[str]) -> str:
    return ", ".join(available) if len(available) <= 10 else f"{len(available)} others"
