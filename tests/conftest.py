"""What holds for every test, whoever runs it: a table is as wide as it likes, and Ctrl-C is heard,
which a shell's `&` would have taken from every process that is started from here. No example of
Hypothesis is judged by how long it took: a busy machine is not a fault."""

import os
import signal

from hypothesis import HealthCheck, settings

os.environ.pop("COLUMNS", None)  # the processes of pytest-xdist are told one
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
