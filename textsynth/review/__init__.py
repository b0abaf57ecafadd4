"""Review: people decide on doubtful texts of a run, on a local web page; the next run takes their decisions in."""
