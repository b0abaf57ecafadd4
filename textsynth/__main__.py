"""`python -m textsynth` is the same as the command `textsynth`."""

from __future__ import annotations

from textsynth.cli import main

main()
