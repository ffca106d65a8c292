"""The nano Florence-2 and its processor: the native classes of `transformers`, every size small.

It has all the parts of the full model (DaViT vision tower, projector, BART encoder and decoder, the same processor
class), so what loads, fine-tunes and serves it does the same with `florence-community/Florence-2-large`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import Florence2ForConditionalGeneration, Florence2Processor, PreTrainedTokenizerFast

IMAGE = "<image>"
SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
# The tokenizer is trained on these sentences alone: they become whole-word tokens, and everything else, container
# numbers above all, stays one token a character (vocabulary 292).
PROMPT_SENTENCES = ("What is the text in the image?", "What is the container number in the image?")


@dataclass(frozen=True, slots=True)
class NanoSize:
    """Sizes of the nano model. Heights and widths in pixels."""

    image_height: int = 24
    image_width: int = 160
    stage_dims: tuple[int, int] = (32, 64)
    stage_heads: tuple[int, int] = (2, 4)
    stage_depths: tuple[int, int] = (1, 1)
    patch_sizes: tuple[int, int] = (7, 3)
    patch_strides: tuple[int, int] = (4, 2)
    patch_paddings: tuple[int, int] = (3, 1)
    window: int = 4
    d_model: int = 64
    encoder_layers: int = 1
    decoder_layers: int = 2
    attention_heads: int = 4
    feed_forward: int = 128
    max_tokens: int = 256

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the last stage's feature map."""
        rows, columns = self.image_height, self.image_width
        for size, stride, padding in zip(self.patch_sizes, self.patch_strides, self.patch_paddings, strict=True):
            rows = (rows + 2 * padding - size) // stride + 1
            columns = (columns + 2 * padding - size) // stride + 1
        return rows, columns


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with the special tokens of Florence-2."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL_TOKENS["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        min_frequency=1,
        special_tokens=[*SPECIAL_TOKENS.values(), IMAGE],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(PROMPT_SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B </s>",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **SPECIAL_TOKENS,
        extra_special_tokens={"image_token": IMAGE},
        model_max_length=256,
    )


def build_processor(size: NanoSize, tokenizer: PreTrainedTokenizerFast) -> Florence2Processor:
    """Images are brought to the model's rectangle whatever their shape, mean and deviation 0.5."""
    from transformers import Florence2Processor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    rows, columns = size.grid
    image_processor = CLIPImageProcessorPil(
        do_resize=True,
        size={"height": size.image_height, "width": size.image_width},
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        image_seq_length=rows * columns + 1,  # the projector puts the picture's mean in front
    )
    return Florence2Processor(image_processor=image_processor, tokenizer=tokenizer)


def build_model(size: NanoSize, tokenizer: PreTrainedTokenizerFast) -> Florence2ForConditionalGeneration:
    """The model with the library's initialisation; call `initialise` before training it."""
    from transformers import BartConfig, Florence2Config, Florence2ForConditionalGeneration
    from transformers.models.florence2.configuration_florence2 import Florence2VisionConfig

    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "decoder_start_token_id": tokenizer.eos_token_id,
    }
    vision = Florence2VisionConfig(
        embed_dim=size.stage_dims,
        depths=size.stage_depths,
        patch_size=size.patch_sizes,
        patch_stride=size.patch_strides,
        patch_padding=size.patch_paddings,
        patch_prenorm=(False, True),
        num_heads=size.stage_heads,
        num_groups=size.stage_heads,
        window_size=size.window,
        drop_path_rate=0.0,
        projection_dim=size.d_model,
        max_position_embeddings=max(*size.grid, 8),
        max_temporal_embeddings=4,
    )
    text = BartConfig(
        vocab_size=len(tokenizer),
        d_model=size.d_model,
        encoder_layers=size.encoder_layers,
        decoder_layers=size.decoder_layers,
        encoder_attention_heads=size.attention_heads,
        decoder_attention_heads=size.attention_heads,
        encoder_ffn_dim=size.feed_forward,
        decoder_ffn_dim=size.feed_forward,
        max_position_embeddings=size.max_tokens,
        dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        forced_eos_token_id=tokenizer.eos_token_id,
        **special,
    )
    config = Florence2Config(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_id=tokenizer.image_token_id,
        **special,
    )
    return Florence2ForConditionalGeneration(config)
