"""Labellers: a model gives or verifies labels, after every filter. One file an item."""
