"""A run on a Ray cluster: models and the embedder at work in actors, everything else in the process of the run."""
