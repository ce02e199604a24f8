"""The same examples every time, and no example judged by how busy the machine is."""

from hypothesis import settings

settings.register_profile("ledger", derandomize=True, deadline=None)
settings.load_profile("ledger")
