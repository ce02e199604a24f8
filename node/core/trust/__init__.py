"""Who is one of us: pins and policy, names, the mesh's secrets, invitations, and how one leaves.

`belonging.py` puts the three ways together by which a node ceases to count (`revoking`,
`forgetting`, `trusting`); `keyholders.py` and `rotating.py` change the secret on the live mesh.
"""
