"""Label pictures, or what is in them, on a local page with one key each, and correct suspects: `eyespot annotate`."""
