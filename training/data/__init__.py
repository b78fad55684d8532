"""Data sets: those with a name, folders and .npz files; how they are divided and prepared."""
