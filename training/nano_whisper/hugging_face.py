"""The Hugging Face form: a folder that ``WhisperForConditionalGeneration.from_pretrained`` loads offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.nano_whisper.model import AUDIO_POSITIONS, HEADS, LAYERS, N_MELS, TEXT_POSITIONS, WIDTH
from training.nano_whisper.tokenizer_json import END_OF_TEXT, is_timestamp, special_tokens, write_tokenizer
from training.nano_whisper.vocabulary import N_VOCAB, token_ids
from training.nano_whisper.weights import State

#: openai-whisper's names to transformers' (its ``convert_openai_to_hf.py`` has the same list), applied in this order.
RENAMED = (
    ("blocks", "layers"),
    ("cross_attn_ln", "encoder_attn_layer_norm"),
    ("attn_ln", "self_attn_layer_norm"),
    ("mlp_ln", "final_layer_norm"),
    ("mlp.0", "fc1"),
    ("mlp.2", "fc2"),
    ("cross_attn.", "encoder_attn."),
    (".attn.", ".self_attn."),
    (".query.", ".q_proj."),
    (".key.", ".k_proj."),
    (".value.", ".v_proj."),
    (".out.", ".out_proj."),
    ("decoder.ln.", "decoder.layer_norm."),
    ("encoder.ln_post.", "encoder.layer_norm."),
    ("token_embedding", "embed_tokens"),
    ("positional_embedding", "embed_positions.weight"),
)


def hugging_face_name(name: str) -> str:
    """The transformers name of an openai-whisper tensor."""
    for theirs, ours in RENAMED:
        name = name.replace(theirs, ours)
    return "model." + name


def _config() -> dict[str, Any]:
    ids = token_ids()
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "dtype": "float32",
        "vocab_size": N_VOCAB,
        "num_mel_bins": N_MELS,
        "d_model": WIDTH,
        "encoder_layers": LAYERS,
        "decoder_layers": LAYERS,
        "encoder_attention_heads": HEADS,
        "decoder_attention_heads": HEADS,
        "encoder_ffn_dim": 4 * WIDTH,
        "decoder_ffn_dim": 4 * WIDTH,
        "max_source_positions": AUDIO_POSITIONS,
        "max_target_positions": TEXT_POSITIONS,
        "activation_function": "gelu",
        "dropout": 0.0,
        "bos_token_id": ids.end_of_text,
        "eos_token_id": ids.end_of_text,
        "pad_token_id": ids.end_of_text,
        "decoder_start_token_id": ids.start_of_transcript,
        "tie_word_embeddings": True,
    }


def _generation_config() -> dict[str, Any]:
    """What ``generate`` and CTranslate2's converter read: the fields of ``openai/whisper-tiny``, with our ids."""
    from whisper.tokenizer import LANGUAGES, get_tokenizer

    ids = token_ids()
    controls = (ids.translate, ids.transcribe, ids.start_of_transcript, ids.start_of_previous)
    unspoken = (*get_tokenizer(multilingual=True).non_speech_tokens, *controls, ids.start_of_lm, ids.no_speech)
    blank = 220  # " ", forbidden with <|endoftext|> as a first token, as in openai-whisper's SuppressBlank
    return {
        "bos_token_id": ids.end_of_text,
        "eos_token_id": ids.end_of_text,
        "pad_token_id": ids.end_of_text,
        "decoder_start_token_id": ids.start_of_transcript,
        "max_length": TEXT_POSITIONS,
        "suppress_tokens": sorted(unspoken),
        "begin_suppress_tokens": [blank, ids.end_of_text],
        "is_multilingual": True,
        "lang_to_id": {name: i for name, i in special_tokens().items() if name.strip("<|>") in LANGUAGES},
        "task_to_id": {"transcribe": ids.transcribe, "translate": ids.translate},
        "no_timestamps_token_id": ids.no_timestamps,
        "prev_sot_token_id": ids.start_of_previous,
        "max_initial_timestamp_index": 50,
        "return_timestamps": False,
        # Both heads of the last layer: training guided them (``Batch.guides``).
        "alignment_heads": [[LAYERS - 1, head] for head in range(HEADS)],
    }


def _tokenizer_config() -> dict[str, Any]:
    control = [name for name in special_tokens() if not is_timestamp(name) and name != END_OF_TEXT]
    ends = ("unk_token", "bos_token", "eos_token", "pad_token")
    return {
        "tokenizer_class": "WhisperTokenizer",
        **dict.fromkeys(ends, END_OF_TEXT),
        "additional_special_tokens": control,
        "model_max_length": 1024,
        "errors": "replace",
        "clean_up_tokenization_spaces": False,
        "add_prefix_space": False,
    }


#: ``WhisperFeatureExtractor`` at its defaults; faster-whisper reads the same file.
PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "processor_class": "WhisperProcessor",
    "feature_size": N_MELS,
    "sampling_rate": 16_000,
    "hop_length": 160,
    "chunk_length": 30,
    "n_fft": 400,
    "padding_value": 0.0,
    "padding_side": "right",
    "return_attention_mask": False,
}


def write_hugging_face(state: State, folder: Path) -> None:
    """Write weights, configuration, tokenizer and feature-extractor settings into an existing folder."""
    from safetensors.numpy import save_file

    tensors = {hugging_face_name(name): tensor for name, tensor in state.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    contents = {
        "config.json": _config(),
        "generation_config.json": _generation_config(),
        "tokenizer_config.json": _tokenizer_config(),
        "preprocessor_config.json": PREPROCESSOR,
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
    write_tokenizer(folder)
