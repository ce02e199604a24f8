"""How nodes find each other: calls, hints and addresses, until a hello is answered.

`beaconing.py` says when we call out, `hints.py` and `contacts.py` keep where somebody may be, and
`greeter.py` turns all of it into hellos at a bounded pace. `twins.py` sees another machine that
speaks with our voice.
"""
