"""Real agents in networks as people have them: every plan, and how long it took.

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
from simulations.networks.plans import PLANS, Plan
from simulations.truth import sandbox

NOT_PERMITTED: Final = 3


def main() -> int:
    """Outside: make the sandbox. Inside (`--folder`): the plans themselves."""
    parser = argparse.ArgumentParser(
        prog="python -m simulations.networks", description=(__doc__ or "").splitlines()[0]
    )
    names = [plan.name for plan in PLANS]
    parser.add_argument("plans", nargs="*", metavar="PLAN", help=f"of {', '.join(names)}")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--json", action="store_true", help="one line per plan")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    for name in flags.plans:
        if name not in names:
            parser.error(f"no plan is called {name!r}; there are {', '.join(names)}")
    chosen = [plan for plan in PLANS if not flags.plans or plan.name in flags.plans]
    if flags.list:
        sys.stdout.writelines(f"{plan.name:18} {plan.sentence}\n" for plan in chosen)
        return 0
    if flags.folder is not None:
        told = [_carry_out(plan, flags.folder, as_json=flags.json) for plan in chosen]
        return 0 if all(told) else 1
    if (reason := sandbox.why_not()) is not None:
        sys.stderr.write(f"networks: not run here: {reason}\n")
        return NOT_PERMITTED
    return sandbox.run_inside(["-m", "simulations.networks", *sys.argv[1:]])


def _carry_out(plan: Plan, folder: Path, *, as_json: bool) -> bool:
    own = folder / plan.name
    own.mkdir(mode=0o700)
    began = time.perf_counter()
    told: dict[str, Any] = {"plan": plan.name, "ok": True}
    with site(own) as made:
        try:
            told["seconds"] = {name: round(took, 2) for name, took in plan.carry_out(made).items()}
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
    return f"{told['plan']:18} {verdict} (in all {told['wall_seconds']:g} s)\n"


if __name__ == "__main__":
    sys.exit(main())
