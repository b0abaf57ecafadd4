"""A small HTTP/1.1 client for many requests to few servers: addresses, connections, their pool, and responses."""
