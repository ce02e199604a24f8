"""The benchmark measures a question that means something, and names its rows as promised."""

from placement.decide import decide
from placement.judging.columns import prepare
from simulations.bench import placement as bench


def test_the_rows_are_named_and_have_their_limits(monkeypatch):
    monkeypatch.setattr(bench, "ROUNDS", dict.fromkeys(bench.ROUNDS, 1))
    monkeypatch.setattr(bench, "SIZES", (50, 1_000))
    monkeypatch.setattr(bench, "DECISION_SIZES", (50,))
    monkeypatch.setattr(bench, "REQUESTS", 20)
    rows = bench.rows()
    assert {row["name"] for row in rows} >= {"where over 50 nodes", "where over 1,000 nodes"}
    keys = {"area", "name", "n", "value", "unit", "limit", "peer", "target", "better"}
    assert all(keys <= {*row} and row["value"] > 0 for row in rows)
    assert all(row["limit"] > 0 for row in rows if row["name"].startswith("where over"))


def test_the_question_of_the_benchmark_fits_some_nodes_and_not_others():
    view = bench.mesh_of(1000)
    decision = decide(bench.QUESTION, prepare(view))
    assert 16 < decision.fitting < 900
    assert decision.chosen.node == view.nodes[bench.bare_filter(bench.bare_columns(view))].id
