"""Whether what is secret is ours alone to read: looked at by the agent, and by `doctor` itself.

The agent's own look may be some seconds old, and a mode that was changed in between would pass for
private. So the command looks once more, which costs it nothing: it imports no more than this.
"""

import stat
from typing import Final

from node.core.picture.reports import Check
from node.shell.disk.state import StateFolder

NAME: Final = "state folder"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def state_folder(folder: StateFolder) -> Check:
    """The modes of the key and the secret, as they are now."""
    open_to_others = [
        path for path in (folder.key_path, folder.secret_path)
        if path.exists() and path.stat().st_mode & OTHERS
    ]  # fmt: skip
    if open_to_others:
        files = " and ".join(path.name for path in open_to_others)
        hint = f"chmod 600 {' '.join(map(str, open_to_others))}"
        return Check(NAME, False, f"others may open {files} in {folder.path}", hint)
    mode = stat.S_IMODE(folder.path.stat().st_mode)
    return Check(NAME, True, f"{folder.path} is ours (mode {mode:04o}); key and secret are private")
