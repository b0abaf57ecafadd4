"""Similarity of texts: by shared words (exact and MinHash), and by embeddings."""
