"""Who is a member, by whose word, and how that lies on the disk.

`membership.py` is the roll and the only one to change it; `record.py` is what a member says of its
own whereabouts, `admission.py` which proven keys count, `storage.py` and `restoring.py` the way to
the disk and back.
"""
