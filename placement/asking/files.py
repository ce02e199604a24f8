"""Request documents as files: TOML, JSON or YAML, one request or several jobs with names.

One request is a table of the keys of `documents.py`, with a `name` if it likes. Several stand as
`[[job]]` (TOML) or a list under `job`, each with a `name` beside its request; names are made up
where they are missing. Only text comes in here: who opens the file is somebody else.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from placement.asking.documents import request_from_document
from placement.plans import JOBS_MAX
from placement.request import RequestError


class DocumentError(ValueError):
    """The text is no request document; the message says where and why."""


def read_jobs(suffix: str, text: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, request document) of every job. `suffix` says which language. Raises DocumentError."""
    reader = _LANGUAGES.get(suffix.lower())
    if reader is None:
        known = ", ".join(sorted(_LANGUAGES))
        raise DocumentError(f"a file that ends in {suffix or 'nothing'} is not read: {known}")
    told = reader(text)
    if not isinstance(told, Mapping):
        raise DocumentError("a request is a table of keys, such as ram and gpus")
    jobs = told.get("job")
    if jobs is None:
        return [_job(1, {"name": "job", **told})]
    if not isinstance(jobs, list) or not jobs or len(told) > 1:
        raise DocumentError("`job` is a list of one or more jobs, and nothing stands beside it")
    if len(jobs) > JOBS_MAX:
        raise DocumentError(f"{len(jobs)} jobs: {JOBS_MAX} is the most")
    read = [_job(place, job) for place, job in enumerate(jobs, start=1)]
    names = Counter(name for name, _ in read)
    if twice := [name for name, count in names.items() if count > 1]:
        raise DocumentError(f"two jobs are called {twice[0]!r}: give each a name of its own")
    return read


def _job(place: int, job: object) -> tuple[str, dict[str, Any]]:
    if not isinstance(job, Mapping):
        raise DocumentError(f"job {place} is no table")
    rest = {key: value for key, value in job.items() if key != "name"}
    name = job.get("name", f"job {place}")
    if not isinstance(name, str) or not name.isprintable() or not name:
        raise DocumentError(f"job {place}: its name is no text")
    if not rest:
        raise DocumentError(f"{name}: it asks for nothing; say what is needed, as in ram = '4GiB'")
    return name, _checked(name, rest)


def _checked(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    try:
        words = {key: value for key, value in document.items() if key != "words"}
        request_from_document(words, asker="here")
    except RequestError as error:
        raise DocumentError(f"{name}: {error}") from error
    return dict(document)


def _toml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DocumentError(f"that is not TOML: {error}") from error


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"that is not JSON: {error}") from error


def _yaml(text: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DocumentError(f"that is not YAML: {error}") from error


_LANGUAGES: Final[dict[str, Callable[[str], object]]] = {
    ".json": _json, ".toml": _toml, ".yaml": _yaml, ".yml": _yaml,
}  # fmt: skip
