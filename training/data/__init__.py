"""Data sets: those with a name, folders, .npz and IDX files; how they are divided, checked and prepared."""
