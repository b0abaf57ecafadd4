"""How alike two texts are: by shared words, by MinHash, by embeddings."""
