"""Stories: small text files that say what is done and, indented, what came of it.

A story is told on a stage: the invented world, the real shell on invented time, or real processes.
`steps.py` has every sentence the language knows, `reading.py` turns a file into a story or says
what was expected where, `stage.py` is what a stage can do, `telling.py` tells a story on one.
`docs/reference/stories.md` is for whoever writes them. Imports the simulator and below.
"""
