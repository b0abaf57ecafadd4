"""Selectors: pick once, over all that was accepted. One file an item."""
