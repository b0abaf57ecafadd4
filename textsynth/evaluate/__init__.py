"""Proof on real data."""
