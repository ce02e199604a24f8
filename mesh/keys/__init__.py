"""What a mesh knows by heart: its secret, the ring of secrets, and how one is handed over.

`secret.py` grows every key from one secret and `keyring.py` keeps several; `passphrase.py`,
`checked_text.py` and `invite.py` are how people type, copy and pass on what lets a machine in.
"""
