"""`holdfast plan …`: decide now, take it later with `reserve --plan`; one job or many."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from node.cli.asking import answer, show
from node.cli.asks import document, sized, with_room, written
from node.cli.exits import NO, YES, wrong_usage
from node.cli.render import clean, table

JOBS_BYTES_MAX = 1 << 20
NOWHERE = "why, node by node: `holdfast explain` with the same words and flags"


def run(flags: Namespace) -> int:
    """0 when every job fits, 1 when one does not."""
    if flags.jobs and (flags.words or written(flags) or sized(flags)):
        sentence = "--jobs has all that its jobs ask for: words and flags beside it say another"
        raise wrong_usage(sentence, "leave out --jobs, or write the rest into its file")
    jobs = _jobs(Path(flags.jobs)) if flags.jobs else [("job", document(flags))]
    body = answer(flags, {"type": "plan", "jobs": [ask for _, ask in jobs]})
    for (name, _), job in zip(jobs, body["jobs"], strict=True):
        job["name"] = name
    show(flags, body, lambda _ink: _drawn(body["jobs"]))
    return YES if all(job["plan"] for job in body["jobs"]) else NO


def _drawn(jobs: list[dict[str, Any]]) -> list[str]:
    rows = [[clean(job["name"]), _node(job), _verdict(job)] for job in jobs]
    if len(jobs) == 1:
        name, node, verdict = rows[0]
        token = jobs[0]["plan"]
        next_ = f"take it with: holdfast reserve … --plan {token}" if token else NOWHERE
        return [f"{name}: {node} ({verdict})", next_]
    lines = table(("JOB", "ON", "VERDICT"), rows)
    return [*lines, "", "with --json each job has its token, for `holdfast reserve --plan`"]


def _node(job: dict[str, Any]) -> str:
    chosen = job["decision"].get("chosen")
    return clean(chosen["name"]) if chosen else "nowhere"


def _verdict(job: dict[str, Any]) -> str:
    chosen = job["decision"].get("chosen")
    if chosen:
        return str(chosen["verdict"])
    counts = job["decision"]["counts"]
    return "; ".join(f"{count} {clean(reason)}" for reason, count in counts) or "no node is known"


def _jobs(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Name and request of every job in a document: `[[job]]` in TOML, `job: […]` in JSON or YAML.
    Raises Unable (wrong usage)."""
    from node.probes.models.files import ModelError, read_whole
    from placement.asking.files import DocumentError, read_jobs

    try:
        jobs = read_jobs(path.suffix, read_whole(path, JOBS_BYTES_MAX).decode("utf-8"))
    except DocumentError as error:
        raise wrong_usage(f"{path}: {error}") from error
    except ModelError as error:
        raise wrong_usage(str(error), "is the path right?") from error
    except UnicodeDecodeError as error:
        raise wrong_usage(f"{path} is not text", "write it as UTF-8") from error
    return [(name, with_room(ask, _words(name, ask))) for name, ask in jobs]


def _words(name: str, ask: dict[str, Any]) -> str:
    """What the job `name` says in plain words."""
    words = ask.get("words", "")
    if not isinstance(words, str):
        raise wrong_usage(f"{name}: words is no text", 'write it as words = "build the repo"')
    return words
