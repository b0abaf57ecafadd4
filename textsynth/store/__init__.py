"""The files of a run folder: how each is written and read back."""
