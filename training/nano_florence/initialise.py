"""First weights of a small Florence-2.

The library draws every weight with deviation 0.02, which suits widths of 768 and more. At width 64 the image features
then start so small that the decoder learns the format of a container number and nothing of the picture: the loss
stops at 2.04, the entropy of that format. Fan-in initialisation (Glorot and Bengio 2010) and sinusoidal positions
(Vaswani et al. 2017) cure it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import Florence2ForConditionalGeneration

POSITION_SCALE = 0.5


def initialise(model: Florence2ForConditionalGeneration) -> None:
    """Draw the weights anew, in place, from torch's global generator."""
    import torch
    from torch import nn

    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and "lm_head" not in name:
            nn.init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5))
    language_model = model.model.language_model
    image_positions = model.model.multi_modal_projector.image_position_embed
    with torch.no_grad():
        language_model.shared.weight.normal_(0, language_model.config.d_model**-0.5)
        for table in (language_model.encoder.embed_positions, language_model.decoder.embed_positions):
            _write_sinusoids(table.weight, longest_period=1000.0)
        for table in (image_positions.row_embeddings, image_positions.column_embeddings):
            _write_sinusoids(table.weight, longest_period=100.0)


def _write_sinusoids(table: Tensor, longest_period: float) -> None:
    """Sine in the even columns and cosine in the odd ones, in place. `table`: positions x dimensions."""
    import torch

    count, dimensions = table.shape
    position = torch.arange(count).float()[:, None]
    frequency = torch.exp(torch.arange(0, dimensions, 2).float() * (-math.log(longest_period) / dimensions))
    table[:, 0::2] = torch.sin(position * frequency) * POSITION_SCALE
    table[:, 1::2] = torch.cos(position * frequency)[:, : dimensions // 2] * POSITION_SCALE
