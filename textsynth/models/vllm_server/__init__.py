"""A vLLM server of one's own: found or installed, started with sensible flags, watched, shared and stopped.

A small process, the keeper, owns each server: it starts it, starts it again when it dies, and stops it when nobody
uses it any more. Whoever uses a server holds a lock that the system takes back when the process ends, however it ends,
so a server outlives neither a Ctrl-C nor a `kill -9` of its last user, unless it was asked to be kept.
"""
