"""``python -m training.nano_whisper build --output DIR``: speak, train, export, measure, choose the clips.

A stopped build goes on where it was: the spoken corpus and the checkpoint lie in DIR/work, the fixture in DIR itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.nano_whisper.corpus import (
    CorpusSettings,
    held_out_examples,
    load_corpus,
    save_corpus,
    speak_corpus,
    training_examples,
)
from training.nano_whisper.publish import Training, publish
from training.nano_whisper.synthesise import require_programs
from training.nano_whisper.train import Trainer, TrainSettings


def build(output: Path, corpus_settings: CorpusSettings, settings: TrainSettings, threads: int) -> None:
    """Make the fixture in ``output``. Raises SynthesiserMissing where a speech program is missing."""
    import torch

    torch.set_num_threads(threads)
    require_programs()
    work = output / "work"
    spoken = work / "corpus.npz"
    if not spoken.exists():
        save_corpus(speak_corpus(corpus_settings), spoken)
    corpus = load_corpus(spoken)
    trainer = Trainer(training_examples(corpus, corpus_settings), settings, work / "checkpoint.pt")
    trainer.resume()
    trainer.run(held_out_examples(corpus.held_out))
    publish(trainer.model, Training(corpus_settings, settings, threads), corpus.held_out, work, output)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.nano_whisper", description=__doc__)
    command = parser.add_subparsers(required=True).add_parser("build", help="speak, train, export and measure")
    command.add_argument("--output", type=Path, required=True, help="folder to build in, and to resume from")
    command.add_argument("--steps", type=int, default=TrainSettings().steps)
    command.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    build(arguments.output, CorpusSettings(), TrainSettings(steps=arguments.steps), arguments.threads)


if __name__ == "__main__":
    main()
