"""Output for a terminal: results as text and JSON, live progress, and the explanation of one text."""
