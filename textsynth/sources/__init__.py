"""Sources: where given rows come from. One file an item."""
