"""Generators: plan requests for what is missing and read answers into candidates. One file an item."""
