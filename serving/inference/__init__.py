"""From the bytes of a picture to its probabilities: sessions, batches, models that are replaced while they serve."""
