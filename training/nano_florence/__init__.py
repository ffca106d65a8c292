"""The nano Florence-2: 344,000 parameters, built and trained here, committed as the embedded default model."""
