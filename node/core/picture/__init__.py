"""What this node knows of all nodes: facts, books and liveness, frozen into one view to decide on.

`topics.py` is how facts travel, `reports.py` what the probes say of ourselves, `self_image.py` what
we last told; `idling.py` and `dangers.py` read promises against use; `knowledge.py` holds it all
and makes the `view.py` that placement reads.
"""
