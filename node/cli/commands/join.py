"""`holdfast join [INVITE]`: get the mesh's secret, then go on as `up`.

With an invite: dial one of its addresses, pin the inviter's key, show the token, receive the
secret. Without one: the secret is typed unechoed, or read from a file, and the mesh is found by
beacon. Each step is said as it happens.
"""

from argparse import Namespace
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

from node.cli import detached
from node.cli.asking import show
from node.cli.commands.up import run_here
from node.cli.exits import NO, YES, Unable, wrong_usage
from node.cli.folders import explained
from node.cli.following import follow
from node.cli.joining import fetch_keys, has_moved_on
from node.cli.render import tell
from node.cli.secrets import from_file, typed
from node.cli.settings import state_of, up_options
from node.cli.starting import (
    Brought,
    check_alone,
    check_offer,
    check_start,
    kept_keys,
    one_secret,
    other_mesh,
    prepare,
)
from node.config import UpOptions

if TYPE_CHECKING:
    from mesh.keys.invite import Invite


def run(flags: Namespace) -> int:
    """0 when the agent runs (detached) or ran to its end."""
    options = up_options(state_of(flags), flags)
    invite = _invite(flags.invite)
    check_alone(options)
    check_offer(options)
    brought = _from_invite(options, invite) if invite else _brought(options)
    prepared = prepare(_with_doors(options, flags, invite), brought)
    for step in prepared.steps:
        tell(step)
    if not flags.detach:
        # The agent takes this thread; a second one watches it from outside, as a person would.
        Thread(target=follow, args=(options.state, tell), daemon=True).start()
        return run_here(flags, prepared._replace(steps=[]))
    started = detached.start(prepared.options, flags)
    tell(f"the agent runs (pid {started.pid}); its log is {started.log}")
    seen = follow(options.state, tell)
    body = {**prepared.body, "pid": started.pid, "log": str(started.log), "joined": seen}
    show(flags, body, lambda _ink: [])
    return YES if seen else NO


def _invite(text: str | None) -> "Invite | None":
    if text is None:
        return None
    from mesh.keys.invite import MistypedInvite, NotAnInvite, parse_invite

    hint = "`holdfast invite` on a member prints one; paste the whole line"
    if text.strip().lower().startswith("hf1-"):
        raise wrong_usage(
            "that is the mesh's secret, and everybody who can list processes has now seen it",
            "change it, and never write a secret as an argument: use an invite or --secret-file",
        )
    try:
        return parse_invite(text)
    except (MistypedInvite, NotAnInvite) as error:
        raise Unable("bad_invite", str(error), hint, NO) from error


def _brought(options: UpOptions) -> Brought:
    return one_secret(from_file(options.secret_file) if options.secret_file else typed())


def _from_invite(options: UpOptions, invite: "Invite") -> Brought:
    with explained():
        from node.shell.disk.state import StateFolder

        folder = StateFolder.open(options.state)
        kept = kept_keys(folder)
    if kept is None:
        return _bought(options, invite)
    if kept.mesh_id != invite.mesh_id:
        raise other_mesh(folder, kept)
    if has_moved_on(invite, kept):
        tell("this node is in that mesh already, but its secret has changed there")
        return _bought(options, invite)
    tell("this node is in that mesh already; the invite was not used")
    return Brought(kept, whole=True)


def _bought(options: UpOptions, invite: "Invite") -> Brought:
    """For the invite's token, which is good once: not before the agent could start."""
    check_start(options)
    return Brought(fetch_keys(invite), whole=True)


def _with_doors(options: UpOptions, flags: Namespace, invite: "Invite | None") -> UpOptions:
    """Where the inviter answered is where the agent looks first."""
    if invite is None:
        return options
    doors = [(address.host, address.port) for address in invite.addresses]
    flags.seeds = [_written(*door) for door in dict.fromkeys((*options.seeds, *doors))]
    return replace(options, seeds=tuple(dict.fromkeys((*options.seeds, *doors))))


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
