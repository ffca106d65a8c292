"""A nano Whisper: a test fixture that speaks Whisper's formats, never a model offered to users.

It knows 24 English and 8 Korean words in three synthetic voices and nothing else. It exists so that tests can run
transformers, faster-whisper (CTranslate2) and openai-whisper on real weights, offline, with texts that are known.

``python -m training.nano_whisper build --output DIR`` makes it from nothing; ``training.nano_whisper.export.expand``
turns the committed compact weights (``tests/assets/nano_whisper``) into the three libraries' own files.
"""
