"""engines: our probes beside real model servers, which are built for that and for nothing else.

`make engines` makes an environment of its own (`.engines`), installs llama.cpp's server into it as
`llama-cpp-python[server]` (compiled on the spot: some minutes on many cores, an hour on two),
writes a model of a few thousand weights, and compares what the server says of itself with what the
probe says of it, and its cache with our arithmetic. No part of the suite and none of CI needs it.
`tiny.py` runs inside that environment; `serving.py` starts and asks; `comparing.py` judges.
"""
