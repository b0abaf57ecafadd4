"""Export: splits, data set and card of a run."""
