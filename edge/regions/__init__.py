"""What a model classifies in a picture: faces, or the glyphs of a code. Device, service and annotation share it."""
