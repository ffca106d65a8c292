"""LoRA fine-tuning of a Florence-2 on Ray Train."""
