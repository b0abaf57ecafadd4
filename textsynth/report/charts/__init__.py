"""Charts as SVG, inline in a page or as files."""
