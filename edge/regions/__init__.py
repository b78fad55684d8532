"""Find what a model classifies in a picture: faces, or the glyphs of a code."""
