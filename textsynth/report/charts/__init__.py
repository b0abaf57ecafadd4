"""Charts as inline SVG, for pages and for files."""
