"""How the site is built: python -m sphinx -W -b html docs site (with pip install 'textsynth[docs]')."""

from textsynth.core.version import __version__

project = "TextSynth"
version = release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["site"]
html_theme = "furo"
html_title = f"TextSynth {__version__}"
html_copy_source = False
# Links to a heading of a page work as they do where the pages are read as they are.
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]
