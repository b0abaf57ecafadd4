"""The version of TextSynth."""

__version__ = "0.1.0"
