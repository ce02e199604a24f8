"""The part of a block that works on one token alone: dense, of experts, or both side by side."""

from dataclasses import dataclass
from typing import Final

from placement.memory.model import Home, Weight


@dataclass(frozen=True, slots=True)
class Feed:
    """The part that works on one token: dense, of experts, or both side by side."""

    width: int = 0
    gated: bool = True
    bias: bool = False
    fused: bool = False
    """Gate and up in one matrix, called `ffn_up`."""
    experts: int = 0
    used: int = 0
    expert_width: int = 0
    expert_gated: bool = True
    expert_bias: bool = False
    expert_scale: bool = False
    shared: int = 0
    shared_gate: bool = False
    router_bias: bool = False
    correction: Home | None = None
    """A bias that balances the experts, and where it is counted."""
    latent: int = 0
    """The experts work in a narrower space of this width."""
    idle_experts: int = 0
    """Experts that do nothing: they have a row in the router and no matrices."""

    def weights(self, hidden: int) -> list[Weight]:
        found: list[Weight] = []
        if self.width:
            found += self._dense(hidden)
        if self.experts:
            found += self._routed(hidden)
        return found

    def _dense(self, hidden: int) -> list[Weight]:
        up = 2 * self.width if self.fused and self.gated else self.width
        found = [
            Weight("ffn_up.weight", hidden, up),
            Weight("ffn_down.weight", self.width, hidden),
        ]
        if self.gated and not self.fused:
            found.append(Weight("ffn_gate.weight", hidden, self.width))
        if self.bias:
            found.append(Weight("ffn.bias", self.width * (2 if self.gated else 1) + hidden))
        return found

    def _routed(self, hidden: int) -> list[Weight]:
        inside, wide, many = self.latent or hidden, self.expert_width, self.experts
        names = ("ffn_gate_exps", "ffn_up_exps") if self.expert_gated else ("ffn_up_exps",)
        found = [Weight("ffn_gate_inp.weight", hidden, many + self.idle_experts)]
        found += [Weight(f"{name}.weight", inside, wide, many, routed=True) for name in names]
        found.append(Weight("ffn_down_exps.weight", wide, inside, many, routed=True))
        if self.latent:
            found.append(Weight("ffn_latent_down.weight", hidden, inside))
            found.append(Weight("ffn_latent_up.weight", inside, hidden))
        if self.router_bias:
            found.append(Weight("ffn_gate_inp.bias", many))
        if self.correction is not None:
            found.append(Weight("exp_probs_b.bias", many, home=self.correction))
        if self.expert_bias:
            found.append(Weight("ffn_exps.bias", len(names) * wide + inside, many, routed=True))
        if self.expert_scale:
            found.append(Weight("ffn_down_exps.scale", many))
        return found + self._shared(hidden)

    def _shared(self, hidden: int) -> list[Weight]:
        if not self.shared:
            return []
        names = ("ffn_gate_shexp", "ffn_up_shexp") if self.expert_gated else ("ffn_up_shexp",)
        found = [Weight(f"{name}.weight", hidden, self.shared) for name in names]
        found.append(Weight("ffn_down_shexp.weight", self.shared, hidden))
        if self.shared_gate:
            found.append(Weight("ffn_gate_inp_shexp.weight", hidden))
        return found

    def widest(self) -> int:
        """The widest row that one token has inside."""
        # Without a gate there is one row less alive at a time.
        dense = self.width if self.gated else 3 * self.width // 4
        return max(dense, self.used * self.expert_width, self.shared)


NO_FEED: Final = Feed()
