"""`holdfast quota` as it is typed: what is refused before anybody is asked."""

import pytest

from node.cli.main import main


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
