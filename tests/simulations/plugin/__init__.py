"""The pytest plugin, as somebody else's tests meet it."""
