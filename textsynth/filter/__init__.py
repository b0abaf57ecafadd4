"""Filters: judge candidates and settle the accepted ones. One file an item."""
