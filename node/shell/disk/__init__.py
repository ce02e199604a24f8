"""What survives: the state folder, the journal in it, and the proof that nothing was forgotten.

`state.py` is the folder, `journal.py` the promises (`files.py` what it asks of a disk,
`journal_errors.py` what may be wrong with one, `archive.py` what was pruned), `spare.py` the room
kept back for a full disk, `marker.py` the proof. `privacy.py` looks whether secrets are ours alone;
`stepping_aside.py` gives an identity up.
"""
