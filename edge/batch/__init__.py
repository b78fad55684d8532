"""Batch: any number of inputs, one row for each, in order, on the disk, whatever happens on the way."""
