"""Label pictures, or the glyphs and faces in them, on a local page with one key each: `eyespot annotate`.

The journal is the truth: `journal` keeps every answer on the disk before the next item shows, `label_folder` writes
the pictures that training reads, and can be made again from the journal.
"""
