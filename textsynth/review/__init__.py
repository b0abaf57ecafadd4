"""Review of uncertain texts: people decide on a local web page, and the next run applies their decisions."""
