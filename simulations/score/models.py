"""Model memory, held against models that were measured.

Of a vector the rules see `config` or `gguf_kv`, and of a point what a user would set: never its
name, and never another part of it. The cache is read from the key-values that the engine had, where
there are any; parameters and weights from the configuration, which says more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from placement.memory.description import Undescribed, describe, describe_gguf
from placement.memory.llamacpp import Context, Refusal, cache_bytes, compute_bytes, refused
from placement.memory.mixes import known, weight_bytes
from placement.memory.model import Model

PARAMETERS_OFF_MAX: Final = 0.0005
WEIGHTS_OFF_MAX: Final = 0.02
COMPUTE_OFF_MAX: Final = 0.10
COMPUTE_BYTES_OFF_MAX: Final = 150 << 20
MIB: Final = 1 << 20
BARS: Final = {"parameters": 1.0, "cache": 1.0, "weights": 1.0, "compute": 0.8}
"""The share of points that must be met."""
INCOMPLETE: Final = ("do not test them", "library defaults", "incomplete")
"""How a vector says that its total is not to be relied on, only its text."""


@dataclass(slots=True)
class Score:
    """What was met and what was missed."""

    models: int = 0
    tally: dict[str, list[int]] = field(default_factory=lambda: {name: [0, 0] for name in BARS})
    misses: list[str] = field(default_factory=list)

    def point(self, measure: str, met: bool, said: str) -> None:
        """One point of one measure; `said` is kept when it was missed."""
        self.tally[measure][1] += 1
        if met:
            self.tally[measure][0] += 1
        else:
            self.misses.append(f"{measure}: {said}")

    def met(self) -> bool:
        """Whether every measure reaches its bar."""
        return all(met >= BARS[name] * points for name, (met, points) in self.tally.items())

    def as_json(self) -> dict[str, Any]:
        return {
            "models": self.models,
            "met": self.met(),
            "measures": {
                name: {"met": met, "points": points, "bar": BARS[name]}
                for name, (met, points) in self.tally.items()
            },
            "misses": self.misses,
        }


def score(vectors: Sequence[Mapping[str, Any]]) -> Score:
    """The score over all of them."""
    made = Score()
    for number, vector in enumerate(vectors, 1):
        made.models += 1
        _one(made, vector, str(vector.get("id") or f"vector {number}"))
    return made


def _one(made: Score, vector: Mapping[str, Any], name: str) -> None:
    config, kv = vector.get("config"), vector.get("gguf_kv")
    by_config = describe(config) if isinstance(config, Mapping) and config else None
    by_file = describe_gguf(kv) if isinstance(kv, Mapping) and kv else None
    whole = by_config if by_config is not None else by_file
    engine = by_file if by_file is not None else by_config
    if isinstance(engine, Undescribed) and isinstance(by_config, Model):
        engine = by_config
    if isinstance(whole, Undescribed) and isinstance(by_file, Model):
        whole = by_file
    _parameters(made, vector, name, whole)
    _points(made, vector, name, engine)
    _weights(made, vector, name, whole)


def _unknown(model: Model | Undescribed | None) -> str:
    return f"unknown: {model.why}" if isinstance(model, Undescribed) else "nothing to read"


def _parameters(
    made: Score, vector: Mapping[str, Any], name: str, model: Model | Undescribed | None
) -> None:
    told = vector.get("params")
    if not isinstance(told, Mapping) or not isinstance(told.get("total"), int):
        return
    if not isinstance(model, Model):
        made.point("parameters", False, f"{name}: {_unknown(model)}")
        return
    text = _text_only(vector)
    want = told["text_only"] if text else told["total"]
    got = model.text_parameters() if text else model.parameters()
    sure = text or model.tower_known
    off = (got - want) / want
    said = f"{name}: {got:,} for {want:,} ({off:+.3%}){'' if sure else ', its tower is unknown'}"
    made.point("parameters", abs(off) <= PARAMETERS_OFF_MAX and sure, said)


def _text_only(vector: Mapping[str, Any]) -> bool:
    """Whether the total is marked incomplete, so that the text counts."""
    told = vector["params"]
    if not isinstance(told.get("text_only"), int):
        return False
    marks = [told.get("total_incomplete"), told.get("incomplete"), vector.get("incomplete")]
    said = " ".join(str(one) for one in (*(vector.get("traps") or ()), vector.get("config_note")))
    return any(marks) or any(word in said for word in INCOMPLETE)


def _points(
    made: Score, vector: Mapping[str, Any], name: str, model: Model | Undescribed | None
) -> None:
    measured = vector.get("llamacpp_measured")
    for point in measured.get("points", ()) if isinstance(measured, Mapping) else ():
        at = f"{name} at {point['n_ctx']} × {point['n_seq_max']}, batch {point['n_ubatch']}"
        if not isinstance(model, Model):
            made.point("cache", False, f"{at}: {_unknown(model)}")
            if "compute_bytes_cpu_backend" in point:
                made.point("compute", False, f"{at}: {_unknown(model)}")
            continue
        _point(made, point, at, model)


def _point(made: Score, point: Mapping[str, Any], at: str, model: Model) -> None:
    context = Context(
        tokens=point["n_ctx"], sequences=point["n_seq_max"], ubatch=point["n_ubatch"],
        flash=point["flash_attn"], key_type=point["type_kv"], value_type=point["type_kv"],
        swa_full=point["swa_full"], unified=point["kv_unified"],
    )  # fmt: skip
    no = refused(model, context)
    if no is not None or point.get("refused"):
        both = isinstance(no, Refusal) and bool(point.get("refused"))
        made.point("cache", both, f"{at}: {no.why if no else 'not refused'}")
        return
    got, want = cache_bytes(model, context), point["context_bytes"]
    made.point("cache", got == want, f"{at}: {got:,} bytes for {want:,}")
    got, want = compute_bytes(model, context), point["compute_bytes_cpu_backend"]
    near = abs(got - want) <= max(COMPUTE_OFF_MAX * want, COMPUTE_BYTES_OFF_MAX)
    made.point("compute", near, f"{at}: {got / MIB:,.0f} MiB for {want / MIB:,.0f}")


def _weights(
    made: Score, vector: Mapping[str, Any], name: str, model: Model | Undescribed | None
) -> None:
    sizes = vector.get("gguf_sizes")
    told = sizes.get("MiB_bpw", {}) if isinstance(sizes, Mapping) else {}
    for word, (mebibytes, _) in told.items():
        mix = known(word)
        if mix is None or not isinstance(model, Model):
            why = _unknown(model) if mix else "no such quantisation"
            made.point("weights", False, f"{name} as {word}: {why}")
            continue
        got = weight_bytes(model, mix) / MIB
        off = (got - mebibytes) / mebibytes
        said = f"{name} as {word}: {got:,.0f} MiB for {mebibytes:,.0f} ({off:+.2%})"
        made.point("weights", abs(off) <= WEIGHTS_OFF_MAX, said)
