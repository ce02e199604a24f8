"""placement/memory: what a model needs, worked out before it is loaded.

No table of models and no formula per model: rules per family make a list of layers out of a
`config.json` or the key-values of a GGUF, and everything else is a sum over that list.

Reading order: `headers/` (what a model file says of itself), `model.py` (what a model is),
`description.py` (the way in); `reading.py` (fields a stranger wrote), `families.py` (what a
configuration does not say), `sizes.py`, `decoder.py`, `peculiar.py`, `hybrids.py`, `encoders.py`,
`latents.py`, `towers.py` (from fields to layers), `attention.py`, `compressed.py`, `recurrent.py`,
`feeds.py`, `shape.py` (the
parts of a layer); `gguf.py` and `translated.py` (the engine's own reading of its files). Then
`types.py` and `mixes.py` (what a quantisation does to each tensor), `llamacpp.py` (what that
engine sets aside), `engines.py` and `caches.py` (the others); `requests.py`, `estimate.py`,
`textbook.py` (what can be said without rules), `splits.py` and `speed.py` (the question and its
answer). `catalogue.toml` holds the models that people ask for by name.

Pure arithmetic on what the caller hands in: nothing here opens a file or asks a server. May import
the standard library alone.
"""
