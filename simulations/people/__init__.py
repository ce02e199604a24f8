"""People: who asks for what in an invented world, so that there is something to go wrong.

Start in `crowd.py`: one person per host, each with dice of its own, who begins small *scripts*
(`scripts.py` at a local door, `carriers.py` over the mesh with signed commands) and lets them run.
A script keeps the discipline that every honest client keeps: an id is made before the first send, a
belief is counted from it, and nothing is confirmed or renewed that is no longer believed in.
`diary.py` counts what came of it. May use the world and the words of `node.core` and `ledger`.
"""
