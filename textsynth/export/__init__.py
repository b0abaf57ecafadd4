"""Export: the data set of a run with its splits and its card, and its texts in the formats of other tools."""
