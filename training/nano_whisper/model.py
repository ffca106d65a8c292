"""The network: openai-whisper's own classes at width 64, with a cheap forward pass for training.

A 30 s window has 1,500 encoder positions, nearly all of them padding. Training encodes the speech and a few padded
positions, and lets ``FAR_POSITIONS`` random ones stand for the rest: their attention logits are raised by log(how many
each stands for), so that softmax sums come out as over the whole window. The runtimes then read real 30 s windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from training.nano_whisper.vocabulary import token_ids

WIDTH = 64
LAYERS = 2
HEADS = 2
N_MELS = 80
AUDIO_POSITIONS = 1500
TEXT_POSITIONS = 448
FAR_POSITIONS = 16
#: The decoder's last LayerNorm writes this constant to dimension 0, so an embedding row (-15, 0, 0, ...) has logit -30.
#: Every unused token gets that row: only the rows in use are trained and stored.
LOGIT_CARRIER = 2.0
UNUSED_ROW = -15.0


@dataclass(frozen=True, slots=True)
class FarPadding:
    """Encoder positions (tensor of FAR_POSITIONS ids) that stand for ``weight`` positions each."""

    positions: Any
    weight: float


def build(seed: int) -> Any:
    """An untrained ``whisper.model.Whisper`` whose vocabulary is ``token_ids().used`` (compact ids)."""
    import torch
    from torch import nn
    from whisper.model import ModelDimensions, Whisper, sinusoids

    torch.manual_seed(seed)
    vocabulary = len(token_ids().used)
    model = Whisper(
        ModelDimensions(
            n_mels=N_MELS,
            n_audio_ctx=AUDIO_POSITIONS,
            n_audio_state=WIDTH,
            n_audio_head=HEADS,
            n_audio_layer=LAYERS,
            n_vocab=vocabulary,
            n_text_ctx=TEXT_POSITIONS,
            n_text_state=WIDTH,
            n_text_head=HEADS,
            n_text_layer=LAYERS,
        )
    )
    for name, parameter in model.named_parameters():
        if parameter.dim() == 3:
            nn.init.kaiming_uniform_(parameter, a=1.0)
        elif parameter.dim() == 2 and name.endswith("weight") and "embedding" not in name:
            nn.init.xavier_uniform_(parameter)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    nn.init.normal_(model.decoder.token_embedding.weight, std=WIDTH**-0.5)
    with torch.no_grad():
        model.decoder.token_embedding.weight[:, 0] = 0
        model.decoder.positional_embedding.copy_(sinusoids(TEXT_POSITIONS, WIDTH) * 0.7)
    hold_logit_carrier(model)
    return model


def hold_logit_carrier(model: Any) -> None:
    """Put the constant dimension back after an optimiser step."""
    import torch

    with torch.no_grad():
        model.decoder.ln.weight[0] = 0
        model.decoder.ln.bias[0] = LOGIT_CARRIER


def _attend(attention: Any, x: Any, source: Any, bias: Any = None, causal: bool = False) -> Any:
    from torch.nn import functional

    query, key, value = _heads(attention, x, source)
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, is_causal=causal)
    return attention.out(mixed.transpose(1, 2).flatten(2))


def _attend_and_weigh(attention: Any, x: Any, source: Any, bias: Any) -> tuple[Any, Any]:
    query, key, value = _heads(attention, x, source)
    logits = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    weights = (logits + bias).softmax(-1)
    return attention.out((weights @ value).transpose(1, 2).flatten(2)), weights


def _heads(attention: Any, x: Any, source: Any) -> tuple[Any, Any, Any]:
    def split(projected: Any) -> Any:
        return projected.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    return split(attention.query(x)), split(attention.key(source)), split(attention.value(source))


def encode(model: Any, mel: Any, far: FarPadding) -> tuple[Any, Any]:
    """Encode mels (batch, 80, frames) that end in at least 12 padded frames.

    Returns the states (batch, frames // 2 - 2 + FAR_POSITIONS, WIDTH) and their attention bias (1, 1, 1, positions).
    The last two convolution outputs see the cut edge and are dropped; the one before them is pure padding.
    """
    import torch
    from torch.nn import functional

    encoder = model.encoder
    x = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mel)))).transpose(1, 2)
    padding, x = x[:, -3:-2], x[:, :-2]
    near = x.shape[1]
    places = encoder.positional_embedding
    x = torch.cat([x + places[:near], padding + places[far.positions]], dim=1)
    bias = torch.zeros(x.shape[1])
    bias[near:] = math.log(far.weight)
    bias = bias.view(1, 1, 1, -1)
    for block in encoder.blocks:
        normed = block.attn_ln(x)
        x = x + _attend(block.attn, normed, normed, bias)
        x = x + block.mlp(block.mlp_ln(x))
    return encoder.ln_post(x), bias


def decode(model: Any, tokens: Any, states: Any, bias: Any) -> tuple[Any, Any]:
    """Logits (batch, length, compact vocabulary), and the last layer's cross-attention.

    The latter has shape (batch, heads, length, encoder positions).
    """
    decoder = model.decoder
    x = decoder.token_embedding(tokens) + decoder.positional_embedding[: tokens.shape[1]]
    weights = None
    for block in decoder.blocks:
        normed = block.attn_ln(x)
        x = x + _attend(block.attn, normed, normed, causal=True)
        crossed, weights = _attend_and_weigh(block.cross_attn, block.cross_attn_ln(x), states, bias)
        x = x + crossed
        x = x + block.mlp(block.mlp_ln(x))
    return decoder.ln(x) @ decoder.token_embedding.weight.T, weights
