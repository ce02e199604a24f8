"""Real agents in networks as people have them: every wiring, and how long it took.

    python -m simulations.networks two-cables one-way

It makes namespaces of its own, ends by itself, and leaves nothing behind. Exit status 0: everyone
found everyone in time; 1: somebody did not; 2: wrong usage; 3: this machine does not permit it.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from simulations.demo.nodes import StepFailed
from simulations.networks.cabling import site
from simulations.networks.wirings import WIRINGS, Wiring
from simulations.truth import sandbox

NOT_PERMITTED: Final = 3


def main() -> int:
    """Outside: make the sandbox. Inside (`--folder`): the wirings themselves."""
    parser = argparse.ArgumentParser(
        prog="python -m simulations.networks", description=(__doc__ or "").splitlines()[0]
    )
    names = [wiring.name for wiring in WIRINGS]
    parser.add_argument("wirings", nargs="*", metavar="WIRING", help=f"of {', '.join(names)}")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--json", action="store_true", help="one line per wiring")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    for name in flags.wirings:
        if name not in names:
            parser.error(f"no wiring is called {name!r}; there are {', '.join(names)}")
    chosen = [wiring for wiring in WIRINGS if not flags.wirings or wiring.name in flags.wirings]
    if flags.list:
        sys.stdout.writelines(f"{wiring.name:22} {wiring.sentence}\n" for wiring in chosen)
        return 0
    if flags.folder is not None:
        told = [_carry_out(wiring, flags.folder, as_json=flags.json) for wiring in chosen]
        return 0 if all(told) else 1
    if (reason := sandbox.why_not()) is not None:
        sys.stderr.write(f"networks: not run here: {reason}\n")
        return NOT_PERMITTED
    return sandbox.run_inside(["-m", "simulations.networks", *sys.argv[1:]])


def _carry_out(wiring: Wiring, folder: Path, *, as_json: bool) -> bool:
    own = folder / wiring.name
    own.mkdir(mode=0o700)
    began = time.perf_counter()
    told: dict[str, Any] = {"wiring": wiring.name, "ok": True}
    with site(own) as made:
        try:
            told["seconds"] = {
                name: round(took, 2) for name, took in wiring.carry_out(made).items()
            }
        except StepFailed as failed:
            told |= {"ok": False, "why": str(failed)}
            for machine in made.machines.values():
                if machine.node.log.exists():
                    tail = machine.node.log.read_text(errors="replace")[-1500:]
                    sys.stderr.write(f"--- log of {machine.name}\n{tail}\n")
    told["wall_seconds"] = round(time.perf_counter() - began, 1)
    sys.stdout.write(json.dumps(told) + "\n" if as_json else _line(told))
    sys.stdout.flush()
    return bool(told["ok"])


def _line(told: dict[str, Any]) -> str:
    took = ", ".join(f"{name} {seconds:g} s" for name, seconds in told.get("seconds", {}).items())
    verdict = took if told["ok"] else f"FAILED: {told['why']}"
    return f"{told['wiring']:22} {verdict} (in all {told['wall_seconds']:g} s)\n"


if __name__ == "__main__":
    sys.exit(main())
