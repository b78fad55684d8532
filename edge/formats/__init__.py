"""Kinds of files that Pillow decodes wrongly, or does not know."""
