"""What a model looks for in a picture before it classifies: faces, or the glyphs of a code.

`find_faces` and `find_glyphs` give boxes in pixels of the upright picture, and `classify_regions` answers for each.
They stand in the edge room because the device, the service and the annotation of a data set must cut alike.
"""
