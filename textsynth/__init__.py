"""TextSynth: YAML recipes turn prompt templates and a served model into checked, labelled text data sets."""

__version__ = "0.1.0"
