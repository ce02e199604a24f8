"""Requests and answers over mutual TLS, as they go over real sockets.

`serving.py` answers within the limits of `places.py`; `dialler.py` asks for an agent and
`one_call.py` for who runs none; `frames.py` is what travels, `outcomes.py` how a call may end
without an answer. `tls.py` and `certificates.py` are the channel under both.
"""
