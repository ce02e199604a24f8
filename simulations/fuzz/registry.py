"""Every target there is, in a fixed order."""

from simulations.fuzz import (
    books_targets,
    machine_targets,
    mesh_targets,
    model_targets,
    node_targets,
    probe_targets,
)
from simulations.fuzz.target import Target


def all_targets() -> list[Target]:
    """Made afresh: those with a machine behind them remember what they were fed."""
    return [
        *mesh_targets.targets(), *books_targets.targets(), *node_targets.targets(),
        *probe_targets.targets(), *model_targets.targets(),
        *machine_targets.targets(),
    ]  # fmt: skip


def chosen(names: list[str]) -> list[Target]:
    """Those whose name begins so; all when nothing is named. Raises LookupError."""
    targets = all_targets()
    if not names:
        return targets
    found = [target for target in targets if target.name.startswith(tuple(names))]
    if not found:
        raise LookupError(f"no target begins so; there are: {', '.join(t.name for t in targets)}")
    return found
