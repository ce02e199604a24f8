"""asking: typical requests to invented clusters, answered by the real command.

`guide.py` finds the questions in a page and puts them, `clerk.py` stands where the agent would and
answers from the cluster's file. `python -m simulations.asking` compares a page with what is printed
today; with `--approve` it writes that down.
"""
