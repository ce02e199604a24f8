"""What holds for every test: a table is as wide as it likes, whoever runs the tests and where."""

import os

os.environ.pop("COLUMNS", None)  # the processes of pytest-xdist are told one
