"""Ways in: how people and programs write a request.

`documents.py` is the table of keys, read from files by `files.py` and described by `schema.py`;
`selectors.py` reads cards in one word; `words.py` and `vocabulary.py` turn plain words into a
request, and say what was guessed.
"""
