"""`holdfast quota` as it is typed: what is refused before anybody is asked."""

import pytest

from node.cli.commands.quota import _drawn
from node.cli.main import main
from node.cli.render import Ink


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("issue", "whose, and how much of what?"),
        ("issue alice", "whose, and how much of what?"),
        ("move alice", "holdfast quota move alice --gpu-memory 80GB"),
        ("list --ram 1GiB", "takes no amounts"),
        ("issue alice --ram 1GiB --to bob", "`quota issue` takes no --to"),
        ("move alice --ram 1GiB --also", "`quota issue` does"),
        ("move alice --ram 1GiB --gone bob", "`quota withdraw` does"),
        ("open", "why?"),
        ("steal alice", "choose from 'list'"),
    ],
)
def test_a_flag_that_another_word_needs_is_a_slip(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quota", *words.split()]) == 2
    assert told in capsys.readouterr().err


def test_a_principal_without_rights_is_not_told_that_nobody_has_any() -> None:
    body = {"quotas": [], "open": True, "silent": 0}
    ink = Ink(on=False)
    assert _drawn(body, ink, "zed") == [
        "nobody has issued any rights for zed: no quota of the mesh bounds it"
    ]
    assert "every principal" in _drawn(body, ink)[0]
