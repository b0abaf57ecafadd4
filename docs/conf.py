"""Settings of the site: python -m sphinx -W -b html docs site (after pip install 'textsynth[docs]')."""

from textsynth.core.version import __version__

project = "TextSynth"
version = release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["site"]
html_theme = "furo"
html_title = f"TextSynth {__version__}"
html_copy_source = False
# Anchors for headings, so that links to a heading work on the site as they do in a repository browser.
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]
