"""How much there is of each thing: layers, heads, windows, experts, and what each layer is.

The fields go by many names; each is read under all of them.
"""

from typing import Final

from placement.memory.families import Family, Said
from placement.memory.model import LAYERS_MAX
from placement.memory.reading import TOKENS_MAX, Malformed, Reading

FULL, WINDOW, CHUNK = "full", "window", "chunk"
KINDS: Final = {
    "full_attention": FULL, "attention": FULL, "full": FULL, "global": FULL, "global_attn": FULL,
    "sliding_attention": WINDOW, "sliding": WINDOW, "local": WINDOW, "local_attn": WINDOW,
    "swa": WINDOW, "window": WINDOW, "chunked_attention": CHUNK, "chunk": CHUNK,
    "indexed_attention": FULL, "deepseek_sparse_attention": FULL, "minimax_m3_sparse": FULL,
    "conv": "conv", "mlp": "mlp", "moe": "moe", "none": "none",
}  # fmt: skip
"""What the words of `layer_types` mean. 'linear_attention' and 'mamba' depend on the family."""
LINEAR: Final = ("linear_attention", "mamba", "mamba2", "linear", "recurrent", "hybrid")
EXPERTS_MAX: Final = 65_536
EXPERTS: Final = (
    "num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts", "num_routed_experts",
)  # fmt: skip
EXPERTS_USED: Final = (
    "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "top_k_experts",
    "moe_top_k", "moe_topk", "moe_k", "num_selected_experts",
)  # fmt: skip


class Sizes:
    """Read in the ordinary way. `told`: the text model's own fields."""

    def __init__(self, told: Reading, family: Family) -> None:
        self.told = told
        self.family = family
        self.layers = self.count()
        self.hidden = told.whole("hidden_size", "n_embd", "n_embed", "d_model", "dim")
        self.vocabulary = told.whole("vocab_size", "padded_vocab_size")
        self.heads = self.read_heads()
        self.kv = self.read_kv()
        self.key = self.read_key()
        self.value = told.whole("v_head_dim", default=self.key) if not self.latent else self.key
        self.window = told.maybe("sliding_window", "attention_chunk_size", most=TOKENS_MAX)
        self.kinds = self.read_kinds()
        self.experts = told.maybe(*EXPERTS, most=EXPERTS_MAX)
        used = told.each(self.layers, *EXPERTS_USED, default=0, most=EXPERTS_MAX)
        self.used = min(self.experts, max(used))
        self.sparse = [self.is_sparse(layer) for layer in range(self.layers)]

    def count(self) -> int:
        listed = self.told.listed("layers_block_type")
        default = len(listed) if listed else None
        return self.told.whole(
            "num_hidden_layers", "n_layer", "n_layers", "num_layers", default=default,
            most=LAYERS_MAX,
        )  # fmt: skip

    @property
    def latent(self) -> bool:
        return bool(self.told.maybe("kv_lora_rank"))

    def own(self, layer: int) -> Reading:
        """What this layer has otherwise than the rest, where the configuration lists it."""
        listed = self.told.below("per_layer_config")
        padded = str(layer).zfill(len(str(self.layers - 1)))
        return listed.below(padded) if listed.has(padded) else listed.below(str(layer))

    def said(self, how: Said) -> bool:
        """A yes or no of the family, or of the field that it names."""
        if isinstance(how, bool):
            return how
        return self.told.yes(how.removeprefix("!"), default=how.startswith("!"))

    def read_heads(self) -> list[int]:
        if not self.told.raw("num_attention_heads", "n_head", "n_heads", "num_heads"):
            return [0] * self.layers
        listed = self.told.listed("num_attention_heads_per_layer")
        if listed:
            return self.told.each(self.layers, "num_attention_heads_per_layer")
        return self.told.each(self.layers, "num_attention_heads", "n_head", "n_heads", "num_heads")

    def read_kv(self) -> list[int]:
        names = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "num_attention_groups",
                 "num_key_value_heads_per_layer")  # fmt: skip
        if self.told.yes("multi_query_attention"):
            return self.told.each(self.layers, "multi_query_group_num", default=1)
        if self.told.raw(*names) is None:
            inside = self.told.below("attn_config").maybe("kv_n_heads")
            always = self.family.name == "starcoder"
            one = inside or (1 if self.told.yes("multi_query", default=always) else 0)
            return [one or heads for heads in self.heads]
        kv = self.told.each(self.layers, *names)
        for few, many in zip(kv, self.heads, strict=True):
            if few and many % few:
                raise Malformed("num_key_value_heads", f"{few} does not divide {many} heads")
        return kv

    def read_key(self) -> int:
        key = self.told.maybe("head_dim", "attention_head_dim", "kv_channels")
        if key or self.latent or not any(self.heads):
            return key
        if isinstance(self.told.raw("num_attention_heads"), int) and self.family.name == "glm4moe":
            # Its heads were never meant to fill the row; the modelling code rounds down.
            return self.hidden // max(self.heads)
        if self.hidden % max(self.heads):
            raise Malformed(
                "num_attention_heads", f"{max(self.heads)} does not divide {self.hidden}"
            )
        return self.hidden // max(self.heads)

    def read_kinds(self) -> list[str]:
        listed = self.told.listed("layer_types", "layers_block_type")
        if listed is None:
            return [self.kind(layer) for layer in range(self.layers)]
        if len(listed) < self.layers:
            raise Malformed("layer_types", f"lists {len(listed)} layers of {self.layers}")
        kinds = [self.named(word) for word in listed[: self.layers]]
        return [FULL if kind in (WINDOW, CHUNK) and not self.window else kind for kind in kinds]

    def named(self, word: object) -> str:
        if word in LINEAR and self.family.linear:
            return self.family.linear
        if not isinstance(word, str) or word not in KINDS:
            raise Malformed("layer_types", f"{str(word)[:40]!r} is no kind of layer that we know")
        return KINDS[word]

    def kind(self, layer: int) -> str:
        """What layer this is, where the configuration does not list them."""
        if self.family.linear:
            return self.linear_or_full(layer)
        if not self.window or not self.told.yes("use_sliding_window", default=self.slides()):
            return FULL
        letters = self.told.text("sliding_window_pattern")
        if letters:
            # EXAONE spells it: L for a window, G for everything.
            return FULL if letters[layer % len(letters)] == "G" else WINDOW
        period = self.told.maybe(
            "sliding_window_pattern", "global_attn_every_n_layers", "_sliding_window_pattern"
        )
        period = period or self.family.period
        if not period:
            return WINDOW if layer >= self.first_window() else FULL
        full = layer % period == (0 if self.family.full_first else period - 1)
        return FULL if full else WINDOW

    def slides(self) -> bool:
        """Whether a window counts that nothing switches on; Qwen keeps one that it does not use."""
        return not self.family.name.startswith("qwen")

    def first_window(self) -> int:
        if self.told.has("use_sliding_window"):
            return self.told.maybe("max_window_layers", most=LAYERS_MAX)
        return 0

    def linear_or_full(self, layer: int) -> str:
        lists = self.told.below("linear_attn_config")
        listed = lists.listed("full_attn_layers")
        if listed is not None:
            # These lists begin at 1.
            return FULL if layer + 1 in listed else self.family.linear
        period = self.told.maybe("full_attention_interval") or self.family.period
        if period:
            return self.family.linear if (layer + 1) % period else FULL
        indices = self.told.listed("attn_layer_indices", "full_attn_idxs")
        if indices is not None:
            return FULL if layer in indices else self.family.linear
        return self.family.linear

    def is_sparse(self, layer: int) -> bool:
        """Whether this layer has experts."""
        told = self.told
        if not self.experts or self.experts == 1:
            return False
        listed = told.listed("mlp_layer_types")
        if listed is not None and len(listed) >= self.layers:
            return bool(listed[layer] == "sparse")
        often = told.listed("moe_layer_freq")
        if often is not None and len(often) >= self.layers:
            return bool(often[layer])
        if layer < told.maybe("first_k_dense_replace", "num_dense_layers", most=LAYERS_MAX):
            return False
        if told.raw("moe_layer_start_index") is not None:
            first = told.maybe("moe_layer_start_index", most=LAYERS_MAX)
            last = told.whole("moe_layer_end_index", default=LAYERS_MAX, least=-1)
            step = told.whole("moe_layer_interval", default=1)
            return first <= layer <= (last if last >= 0 else LAYERS_MAX) and (layer + 1) % step == 0
        if layer in (told.listed("mlp_only_layers") or ()):
            return False
        step = told.whole("moe_layer_freq", default=1) if often is None else 1
        every = told.whole("decoder_sparse_step", default=1)
        return layer % step == 0 and (layer + 1) % every == 0
