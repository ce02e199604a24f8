"""Two tellings of one story, compared: every word in the invented world, what is sure elsewhere."""

import difflib

from simulations.stories.script import Story


def differences(written: Story, told: Story, name: str) -> str:
    """A unified diff from what is written to what was told; empty when every word is the same."""
    before, after = written.text.splitlines(keepends=True), told.text.splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, f"{name} as written", f"{name} as told"))


def shortfalls(written: Story, told: Story) -> list[str]:
    """A sentence for each line of which something sure came out otherwise."""
    words = {line.number: line.words for line in written.lines}
    return [
        f"line {number}, {words[number]!r}: expected {sure}, was {told.sure[number]}"
        for number, sure in written.sure.items()
        if sure != told.sure[number]
    ]
