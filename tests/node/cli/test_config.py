"""Settings: flag over environment over file over default, each with its origin."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.pools import Unit, unit_of
from mesh.config import PROFILES
from node.cli.parser import build, parse
from node.cli.settings import up_options
from node.config import (
    MESH_PROFILES,
    SETTINGS,
    VERSION,
    ConfigError,
    Origin,
    Setting,
    read_label,
    read_name,
    read_port,
    read_seed,
    settle,
    state_folder,
)
from tests.node.cli.conftest import ROOT, Ran
from tests.support.fake_agent import FakeAgent

Run = Callable[..., Ran]


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default() -> None:
    flags, environment, document = {"port": "1"}, {"HOLDFAST_PORT": "2"}, {"port": 3}
    assert settle(flags, environment, document)["port"] == (1, Origin.FLAG)
    assert settle({}, environment, document)["port"] == (2, Origin.ENVIRONMENT)
    assert settle({}, {}, document)["port"] == (3, Origin.FILE)
    assert settle({}, {}, {})["port"] == (4653, Origin.DEFAULT)


def test_lists_are_comma_separated_in_the_environment() -> None:
    environment = {"HOLDFAST_SEEDS": "a:1, [fe80::1]:2,c", "HOLDFAST_LABELS": "b=2,a=1"}
    settled = settle({}, environment, {})
    assert settled["seeds"].value == (("a", 1), ("fe80::1", 2), ("c", 4653))
    assert settled["labels"].value == (("a", "1"), ("b", "2"))


def test_labels_may_be_a_table_in_the_file() -> None:
    assert settle({}, {}, {"labels": {"room": "attic"}})["labels"].value == (("room", "attic"),)


def test_slots_are_a_table_in_the_file_and_pairs_everywhere_else() -> None:
    wanted = (("licence-matlab", 1), ("whisper", 2))
    document = {"slots": {"whisper": 2, "licence-matlab": 1}}
    assert settle({}, {}, document)["slots"] == (wanted, Origin.FILE)
    environment = {"HOLDFAST_SLOTS": "whisper=2, licence-matlab=1"}
    assert settle({}, environment, {})["slots"] == (wanted, Origin.ENVIRONMENT)
    assert settle({"slots": ["whisper=0"]}, environment, document)["slots"].value == (
        ("whisper", 0),
    )


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"whisper": -1}, "'whisper=-1' is no number of slots: write NAME=N"),
        ({"whisper": 1.5}, "no number of slots"),
        ({"whisper": True}, "no number of slots"),
        ({"whisper": 1_000_001}, "with N from 0 to 1000000"),
        ("whisper", "'whisper' is no number of slots"),
        ("=2", "'' is no name of slots"),
        ("two words=2", "'two words' is no name of slots"),
        (["whisper=2", "whisper=3"], "slots called whisper are named twice"),
        ({f"n{number}": 1 for number in range(33)}, "33 entries; 32 is the most"),
        (7, "7 is not a list"),
    ],
)
def test_slots_that_cannot_be_are_refused_with_a_sentence(said: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        settle({"slots": said}, {}, {})


@given(st.one_of(st.text(), st.dictionaries(st.text(), st.integers())))
def test_whatever_is_said_of_slots_is_read_or_refused(said: object) -> None:
    try:
        slots = settle({}, {}, {"slots": said})["slots"].value
    except ConfigError:
        return
    assert all(unit_of(f"slots:{name}") is Unit.SLOTS and count >= 0 for name, count in slots)


@pytest.mark.parametrize("name", ["first", "moved", "new_identity"])
def test_words_for_one_start_are_taken_from_flags_alone(name: str) -> None:
    # Kept in a file, `first` would skip the quarantine at every start to come.
    with pytest.raises(ConfigError, match="no setting"):
        settle({}, {}, {name: True})
    settled = settle({}, {"HOLDFAST_" + name.upper(): "1"}, {})
    assert settled[name] == (False, Origin.DEFAULT)
    assert settle({name: True}, {}, {})[name] == (True, Origin.FLAG)


def test_a_bad_setting_is_named_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"^HOLDFAST_PORT: 'x' is not a port"):
        settle({}, {"HOLDFAST_PORT": "x"}, {})
    with pytest.raises(ConfigError, match=r"^port in config\.toml: "):
        settle({}, {}, {"port": 0})
    with pytest.raises(ConfigError, match=r"has no unit"):
        settle({}, {}, {"system_reserve": 4})
    with pytest.raises(ConfigError, match=r"no setting 'prot'; it may set: port"):
        settle({}, {}, {"prot": 1})


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.lists(st.text() | st.integers())
    | st.dictionaries(st.text(), st.text())
)


def _read_or_refused(call: Callable[[], object]) -> bool:
    """Whether it ended in a value or in a sentence; everything else passes through."""
    try:
        call()
    except ConfigError as error:
        return bool(str(error))
    return True


@given(st.sampled_from(SETTINGS), anything)
def test_any_value_in_the_file_is_read_or_refused_with_a_sentence(
    setting: Setting, said: object
) -> None:
    assert _read_or_refused(lambda: settle({}, {}, {setting.name: said}))


@given(st.sampled_from((read_port, read_seed, read_name, read_label)), st.text())
def test_ports_seeds_names_and_labels_are_read_or_refused(
    read: Callable[[object], object], text: str
) -> None:
    assert _read_or_refused(lambda: read(text))


def test_every_flag_of_up_becomes_an_option(state: Path, tmp_path: Path) -> None:
    line = [
        "up", "--name", "ann", "--port", "5000", "--offer",
        "ram=2GiB,cores=1", "--label", "room=attic", "--label", "a=b", "--seed", "10.0.0.2:7",
        "--seed", "bob", "--interface", "eth0", "--system-reserve", "1GiB", "--first",
        "--profile", "fast",
        "--new-identity", "--json-logs", "--secret-file", str(tmp_path / "s"),
    ]  # fmt: skip
    options = up_options(state, parse(build(), line))
    assert options.state == state
    assert (options.name, options.port) == ("ann", 5000)
    assert options.offer == "ram=2GiB,cores=1"
    assert options.labels == (("a", "b"), ("room", "attic"))
    assert options.seeds == (("10.0.0.2", 7), ("bob", 4653))
    assert options.interfaces == ("eth0",)
    assert options.system_reserve == 1 << 30
    assert options.mesh_profile == "fast"
    assert (options.first, options.moved, options.new_identity) == (True, False, True)
    assert options.json_logs is True
    assert options.secret_file == tmp_path / "s"


def test_the_profiles_that_may_be_named_are_those_of_the_mesh() -> None:
    assert list(MESH_PROFILES) == list(PROFILES)
    with pytest.raises(ConfigError, match="balanced or fast"):
        settle({}, {"HOLDFAST_MESH_PROFILE": "slow"}, {})


def test_without_flags_everything_has_its_default(state: Path) -> None:
    options = up_options(state, parse(build(), ["up"]))
    assert (options.port, options.name, options.offer, options.first) == (4653, None, None, False)


def test_config_show_says_where_each_value_comes_from(
    state: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "config.toml").write_text('port = 5000\nlabels = ["room=attic"]\n')
    monkeypatch.setenv("HOLDFAST_NAME", "ann")
    shown = run("config", "show", "--origin").out
    assert "environment (HOLDFAST_NAME)" in shown
    assert "room=attic" in shown
    body = json.loads(run("config", "show", "--json").out)
    assert body["port"] == {"value": 5000, "origin": "file"}
    assert body["name"] == {"value": "ann", "origin": "environment"}
    assert body["interfaces"] == {"value": [], "origin": "default"}
    assert body["state"] == {"value": str(state), "origin": "environment"}
    assert "ORIGIN" not in run("config", "show").out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"port = \n", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"prot = 1\n", "no setting 'prot'"),
        (b"#" * 70_000, "over 65536 bytes"),
    ],
    ids=str,
)
def test_a_bad_file_is_wrong_usage(content: bytes, said: str, state: Path, run: Run) -> None:
    (state / "config.toml").write_bytes(content)
    for words in (("config", "show"), ("up",)):
        ran = run(*words)
        assert ran.status == 2
        assert said in ran.err


def test_the_flag_wins_over_the_environment_and_the_environment_over_custom() -> None:
    environment = {"HOLDFAST_STATE": "/env", "XDG_STATE_HOME": "/xdg"}
    assert state_folder("/flag", environment, superuser=False) == Path("/flag")
    assert state_folder(None, environment, superuser=False) == Path("/env")
    xdg = {"XDG_STATE_HOME": "/xdg"}
    assert state_folder(None, xdg, superuser=False) == Path("/xdg/holdfast")
    assert state_folder(None, xdg, superuser=True) == Path("/var/lib/holdfast")


@pytest.mark.parametrize("flag", [None, "~/here", "relative"])
def test_the_state_folder_is_absolute_whatever_was_said(flag: str | None) -> None:
    assert state_folder(flag, {"XDG_STATE_HOME": "here"}, superuser=False).is_absolute()


def test_there_is_one_version() -> None:
    assert f'\nversion = "{VERSION}"\n' in (ROOT / "pyproject.toml").read_text()


def test_version_is_said(run: Run) -> None:
    assert run("version").out.startswith(f"holdfast {VERSION} (Python 3.")
    assert json.loads(run("version", "--json").out)["version"] == VERSION


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_knows_every_command_and_flag(shell: str, run: Run) -> None:
    script = run("completion", shell).out
    for name, child in build().children().items():
        assert name in script
        for flag in child.flags():
            assert flag.lstrip("-") in script, (name, flag)


def test_the_reference_names_every_command_and_every_flag() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text()
    for name, child in build().children().items():
        assert f"`{name}" in page, name
        for flag in child.flags():
            known = re.search(rf"{flag}(?![a-z-])", page)
            assert flag in ("-h", "--help") or known, (name, flag)


def test_beside_a_running_agent_the_settings_are_those_of_its_next_start(
    state: Path, run: Callable[..., Ran]
) -> None:
    assert run("config", "show").err == ""
    with FakeAgent(state):
        assert "of its next start" in run("config", "show").err
        assert run("config", "show", "--json").err == ""
