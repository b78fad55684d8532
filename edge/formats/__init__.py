"""One file for each image format: how to read what its header claims, and nothing of its pixels."""
