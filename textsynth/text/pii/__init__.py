"""Structured personal data in a text, one kind a module: `find(text)` yields each datum without its separators.

What is known to be invented or to belong to nobody (example.com, 555-01xx, test cards, private addresses) is passed
over. Two writings of one datum yield the same text, so that what a recipe allows is found however it is written.
"""
