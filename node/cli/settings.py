"""Reading what `node.config` settles: the flags, this process's environment, the folder's file."""

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.cli.exits import Unable, wrong_usage
from node.config import (
    CONFIG_BYTES_MAX,
    CONFIG_NAME,
    SETTINGS,
    ConfigError,
    Settled,
    UpOptions,
    options,
    settle,
    state_folder,
)


def state_of(flags: Namespace) -> Path:
    """The state folder that the caller means."""
    return state_folder(flags.state, os.environ, superuser=os.geteuid() == 0)


def up_options(state: Path, flags: Namespace) -> UpOptions:
    """What the agent starts with. Raises Unable (wrong usage) naming the setting at fault."""
    written = {setting.name: getattr(flags, setting.name, None) for setting in SETTINGS}
    return options(state, settled(state, written))


def settled(state: Path, flags: Mapping[str, Any]) -> dict[str, Settled]:
    """Every setting with its origin."""
    try:
        return settle(flags, os.environ, _document(state / CONFIG_NAME))
    except ConfigError as error:
        raise wrong_usage(
            str(error), "`holdfast config show --origin` lists what is set"
        ) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_BYTES_MAX + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except PermissionError as error:
        # Not a setting to be written differently: the whole folder is somebody else's.
        raise Unable(
            "state_folder",
            f"{path.parent} may not be read by this user",
            "run as its owner, or name another folder with --state",
        ) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > CONFIG_BYTES_MAX:
        raise ConfigError(f"{path} is over {CONFIG_BYTES_MAX} bytes: that is no configuration")
    return read_document(content, path)


def read_document(content: bytes, path: Path) -> dict[str, Any]:
    """What a configuration says, as plain values. Raises ConfigError."""
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
