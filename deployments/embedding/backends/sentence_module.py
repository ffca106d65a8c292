"""A sentence-transformers model as one torch module: token ids and mask in, vectors out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.embedding.backends.fidelity import REFERENCE_TEXTS
from deployments.embedding.types import ModelFacts, Vectors
from deployments.serving.errors import UnsupportedOption

_UNBOUNDED_MAX_TOKENS = 8192
"""For models that name no longest sequence (relative positions)."""


@dataclass(frozen=True, slots=True)
class SentenceModule:
    module: Any
    """torch.nn.Module, `forward(input_ids, attention_mask)`, both (n, length) int64 -> (n, dimensions)."""
    tokenizer_json: str
    facts: ModelFacts
    reference: Vectors
    """What `SentenceTransformer.encode` itself gives for `REFERENCE_TEXTS`, in float32."""


def load(folder: Path) -> SentenceModule:
    """Load with sentence-transformers, in float32 on the CPU: transformer, pooling, Dense, Normalize as it has them.

    Raises:
        UnsupportedOption: not a model of text with a fast tokenizer.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True).float().eval()
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
    if tokenizer is None or not isinstance(model[0], Transformer):
        raise UnsupportedOption(f"{folder} is not a transformer with a fast tokenizer; it cannot be served here")
    prompt = (model.prompts or {}).get(model.default_prompt_name or "", "")
    modules = [type(part).__name__ for part in model]
    if prompt and not all(getattr(part, "include_prompt", True) for part in model):
        raise UnsupportedOption(f"{folder} leaves its prompt out of the pooling, which this service does not do")

    class _Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]

    limit = model.max_seq_length or _UNBOUNDED_MAX_TOKENS
    tokenizer.enable_truncation(max_length=8, direction=model.tokenizer.truncation_side)
    with torch.inference_mode():
        reference = model.encode(list(REFERENCE_TEXTS), convert_to_numpy=True, show_progress_bar=False)
    return SentenceModule(
        module=_Pooled().eval(),
        tokenizer_json=tokenizer.to_str(),
        facts=ModelFacts(
            dimensions=int(reference.shape[1]),
            max_tokens=int(limit) if limit < 10**6 else _UNBOUNDED_MAX_TOKENS,
            pad_id=int(model.tokenizer.pad_token_id or 0),
            prompt=prompt,
            normalized=modules[-1] == "Normalize",
        ),
        reference=reference,
    )
