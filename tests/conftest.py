"""What holds for every test, whoever runs it: a table is as wide as it likes, and Ctrl-C is heard,
which a shell's `&` would have taken from every process that is started from here."""

import os
import signal

os.environ.pop("COLUMNS", None)  # the processes of pytest-xdist are told one
signal.signal(signal.SIGINT, signal.default_int_handler)
