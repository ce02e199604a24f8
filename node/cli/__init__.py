"""node/cli: the command `holdfast`.

Start at `main.py`, then `parser.py` (every command and flag on one page). A command is one small
module in `commands/`, loaded only when it is called: starting up imports nothing heavier than
argparse, json and socket, and a test keeps it so. `client.py` speaks to the agent on this machine,
`remote.py` to a peer, `alone.py` answers when there is neither; `render.py` draws what people read.
"""
