"""Managed vLLM servers: finding or installing vLLM, starting, monitoring, sharing and stopping servers.

Each server is owned by a supervisor, a small background process that starts the server, restarts it after a crash, and
stops it when no process uses it any more. Every user of a server holds a file lock, which the operating system releases
when the user's process ends, however it ends. So a server never outlives its last user, not even after Ctrl-C or
`kill -9`, unless it was started to keep running.
"""
