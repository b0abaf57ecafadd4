"""A small HTTP/1.1 client for many requests to few servers: connections, their pool, addresses and proxies."""
