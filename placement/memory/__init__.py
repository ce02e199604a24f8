"""placement/memory: how much memory a model needs, worked out before it is loaded.

Start at `headers/` for what a model file says of itself. Pure arithmetic on what the caller hands
in: nothing here opens a file or asks a server.
"""
