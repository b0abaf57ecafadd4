"""Detectors of structured personal data, one kind a module: `find(text)` yields each match without separators.

Values that are known to be fictional or to identify nobody (example.com, 555-01xx, test cards, private addresses) are
ignored. Different spellings of a value yield the same normalized text, so that a recipe's allow list matches them all.
"""
