"""GPU: the model in torch, half precision. On a CPU float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.embedding.backends import fidelity, model_files, sentence_module
from deployments.embedding.backends.tokenizer import TextTokenizer
from deployments.embedding.types import EmbeddingConfig, MicrobatchPolicy, TokenizedText, Vectors
from deployments.serving import gpu_memory
from deployments.serving.errors import BackendMissing, UnsupportedOption

_CPU_MICROBATCHES = MicrobatchPolicy(overhead_tokens=32, max_tokens=1024)
# A GPU is launch-bound: a call costs the same up to some thousand tokens.
_GPU_MICROBATCHES = MicrobatchPolicy(overhead_tokens=4096, max_tokens=65_536)


class TorchBackend:
    """Precision `auto` is f16 on a GPU and f32 on a CPU. `threads` sets torch's for the whole process.

    Raises:
        WeightsMissing, WeightsCorrupt: see `deployments.serving.weights`.
        BackendMissing: torch is not installed, or sees no such device.
        UnsupportedOption: unknown precision, or not a model of text.
        EngineFailed: the vectors in this precision are not the model's.
    """

    name = "torch"

    def __init__(self, config: EmbeddingConfig) -> None:
        try:
            import torch
        except ImportError as error:
            raise BackendMissing("torch is not installed; pip install torch, or set backend: openvino") from error

        self._torch = torch
        self.device = _device(torch, config.device)
        gpu_memory.cap_torch(torch, self.device)
        on_gpu = not self.device.startswith("cpu")
        self.precision = config.precision if config.precision != "auto" else ("f16" if on_gpu else "f32")
        dtypes = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
        if self.precision not in dtypes:
            raise UnsupportedOption(
                f"precision is {self.precision!r}; use one of auto, {', '.join(dtypes)}",
                field="precision",
                available=["auto", *dtypes],
            )
        if config.threads and not on_gpu:
            torch.set_num_threads(config.threads)
        files = model_files.locate(config.model, config.name)
        loaded = sentence_module.load(files.folder)
        self.model, self.published_as, self.version = files.name, files.published_as, files.version
        limited = loaded.facts.limited_to(config.max_tokens)
        self.facts = loaded.facts
        self.microbatches = _GPU_MICROBATCHES if on_gpu else _CPU_MICROBATCHES
        self._tokenizer = TextTokenizer(
            loaded.tokenizer_json, max_tokens=self.facts.max_tokens, prompt=self.facts.prompt
        )
        self._module: Any = loaded.module.to(device=self.device, dtype=dtypes[self.precision])
        fidelity.verify(self, loaded.reference)  # at the model's own max_tokens, as the reference was made
        self.facts = limited
        self._tokenizer.truncate_at(limited.max_tokens)

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        return self._tokenizer(texts)

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        torch = self._torch
        with torch.inference_mode():
            vectors = self._module(
                torch.from_numpy(ids).to(self.device, non_blocking=True),
                torch.from_numpy(mask).to(self.device, non_blocking=True),
            )
            result: Vectors = vectors.float().cpu().numpy()
        return result

    def close(self) -> None:
        self._module = None
        if self.device.startswith("cuda"):
            self._torch.cuda.empty_cache()


def _device(torch: Any, wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BackendMissing(f"torch cannot use device {wanted!r} here: {reason}; set device: cpu") from error
    return wanted
