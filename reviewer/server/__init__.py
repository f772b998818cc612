"""The engine server: an island, started as its own process and spoken to over HTTP.

Two processes. The front answers HTTP and never imports torch; the worker owns the GPU. Killing the
worker frees all of its memory, which makes it unload, crash recovery and memory guard in one.
"""
