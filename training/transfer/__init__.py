"""Transfer learning: features of a pretrained backbone, a head that is solved on them, and fine-tuning."""
