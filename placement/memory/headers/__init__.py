"""placement/memory/headers: what a model file says of itself, read without reading the model.

Start at `gguf.py` and `safetensors.py`; `shards.py` puts models in several files together, and
`kinds.py` says what each tensor is for. Nothing here opens a file: the caller hands in a `Read`,
over a file, a mapping or ranged requests alike, and only the header is ever asked for.

A header is a stranger's letter. Every count, length and depth has a limit; what breaks one is a
`HeaderError` with a named problem, and nothing is believed of a file whose header does not add up.
"""
