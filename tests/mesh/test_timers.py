from hypothesis import given
from hypothesis import strategies as st

from mesh.timers import Timers

ACTIONS = st.lists(
    st.tuples(st.sampled_from(["set", "cancel", "due"]), st.integers(0, 5), st.integers(0, 20)),
    max_size=60,
)


@given(ACTIONS)
def test_timers_agree_with_a_plain_table(actions: list[tuple[str, int, int]]) -> None:
    timers, table = Timers[int](), dict[int, int]()
    for action, key, at in actions:
        if action == "set":
            timers.set(key, at)
            table[key] = at
        elif action == "cancel":
            timers.cancel(key)
            table.pop(key, None)
        else:
            expected = [key for key, due in table.items() if due <= at]
            assert sorted(timers.due(at)) == sorted(expected)
            table = {key: due for key, due in table.items() if due > at}
        assert timers.next == min(table.values(), default=None)
        assert len(timers) == len(table)
        assert all(timers.at(key) == table.get(key) for key in range(6))


def test_equal_deadlines_go_off_in_the_order_they_were_set() -> None:
    timers = Timers[str]()
    for key in ("b", "a", "c"):
        timers.set(key, 7)
    timers.set("b", 7)
    assert timers.due(7) == ["a", "c", "b"]
