"""One row per family of models: what its configuration does not say.

A `config.json` gives sizes; which norms, biases and gates there are is in the code that reads it.
So a row here is what `modeling_<type>.py` of Hugging Face transformers (5.x) and
`src/models/<arch>.cpp` of llama.cpp (b9000 and after) agree on. Where a value is a string, it names
the field of the configuration that decides, and `!` before it means that an absent field says yes.

Rows of one line are meant to be read beside each other; a family that fits none of these columns
has a function of its own in `peculiar.py`.
"""

from dataclasses import dataclass
from typing import Any, Final

from placement.memory.model import Home

Said = bool | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What the rules need to know beyond the sizes."""

    name: str
    """llama.cpp's name for it where there is one; else the model_type."""
    types: tuple[str, ...]
    archs: tuple[str, ...] = ()
    """The names under which a GGUF may give it; empty: llama.cpp can't load it."""
    tied: bool = False
    bias: Said = False
    out_bias: Said = False
    qk_norm: str = ""
    qk_norm_if: Said = True
    qk_norm_bias: bool = False
    folded: bool = True
    """Latent attention keeps its one row; llama.cpp keeps all of MiniCPM3's."""
    q_twice: Said = False
    gate: str = ""
    """'head': one gate per query head; 'full': one per element of the output."""
    sinks: bool = False
    fused: bool = False
    gated: bool = True
    fused_feed: bool = False
    feed_bias: Said = False
    norms: int = 2
    norm_bias: bool = False
    last_norm: bool = True
    first_norm: bool = False
    """A norm on the embeddings."""
    head_bias: bool = False
    positions: bool = False
    period: int = 0
    """One layer in so many sees everything, where the configuration does not list them."""
    full_first: bool = False
    windowed: bool = True
    """llama.cpp saves the memory that the window saves."""
    linear: str = ""
    """What 'linear_attention' or 'mamba' means in this family."""
    shared: str = ""
    """'count': so many experts' width; 'width': a field gives it; 'one': as wide as one expert."""
    shared_gate: bool = False
    router_bias: bool = False
    expert_bias: bool = False
    correction: Home | None = None
    peculiar: str = ""


def _llama(name: str, *types: str, **said: Any) -> Family:
    return Family(name=name, types=types or (name,), archs=(name,), **said)


def _gguf(name: str, **said: Any) -> Family:
    """Of which only the GGUF is read."""
    return Family(name=name, types=(), archs=(name,), **said)


GGUF, BOTH = Home.GGUF, Home.BOTH

FAMILIES: Final = (
    # Llama and what only differs by a bias, a norm or a default.
    Family(
        name="llama", archs=("llama", "llama-embed"), windowed=False,
        types=("llama", "mistral", "mixtral", "yi", "internlm3", "iquestcoder", "hyperclovax",
            "cwm",
               "aquila", "ministral", "decilm", "solar", "mimo"),
        bias="attention_bias", out_bias="attention_bias", feed_bias="mlp_bias",
    ),
    _llama("mistral3", "ministral3"),
    _llama("arcee", gated=False, bias="attention_bias", feed_bias="mlp_bias"),
    _llama("smollm3", tied=True, bias="attention_bias"),
    _llama("seed_oss", bias="!attention_bias", out_bias="attention_out_bias"),
    _llama("granite", bias="attention_bias", feed_bias="mlp_bias"),
    _llama("granitemoe", "granitemoe", "granitemoeshared", shared="width"),
    _llama("granite_swa", "granite_swa", "granitemoe_swa", tied=True, shared="width", sinks=True),
    _llama("apertus", gated=False, qk_norm="head", bias="attention_bias", peculiar="apertus"),
    Family(name="helium", types=("helium",)), _llama("internlm2", fused=False), _llama("xverse"),
    _llama("orion", norm_bias=True),
    _llama("baichuan", "baichuan"), _llama("exaone", "exaone"), _llama("refact", "gpt_refact"),
    _llama("bitnet", peculiar="bitnet"),
    Family(name="diffllama", types=("diffllama",), peculiar="diffllama"),
    _llama("ernie4_5", tied=True, bias="use_bias", out_bias="use_bias", feed_bias="use_bias"),
    _llama("ernie4_5-moe", "ernie4_5_moe", tied=True, bias="use_bias", shared="count",
           correction=BOTH),
    _llama("minicpm", "minicpm"), _llama("hunyuan-dense", "hunyuan_v1_dense", qk_norm="head"),
    _llama("hunyuan-moe", "hunyuan_v1_moe", "hunyuan", tied=True, qk_norm="head", shared="one"),
    _llama("pangu-embedded", "pangu_embedded", bias=True, out_bias=True),
    _llama("olmo", norms=0, last_norm=False, bias="attention_bias"),
    _llama("olmo2", "olmo2", "olmo3", qk_norm="full", period=4, bias="attention_bias"),
    _llama("olmoe", "olmoe", "flex_olmo", qk_norm="full", bias="attention_bias"),
    # Qwen.
    _llama("qwen2", "qwen2", "qwen2_vl", "qwen2_5_vl", "qwen2_audio", bias=True, windowed=False),
    _llama("qwen2moe", "qwen2_moe", bias="!qkv_bias", shared="width", shared_gate=True,
           windowed=False),
    _llama("qwen3", "qwen3", qk_norm="head", bias="attention_bias", out_bias="attention_bias",
           windowed=False),
    _llama("qwen3moe", "qwen3_moe", "qwen3_omni_moe_text", qk_norm="head", bias="attention_bias",
           windowed=False),
    _llama("qwen3vl", "qwen3_vl_text", qk_norm="head", bias="attention_bias"),
    _llama("qwen3vlmoe", "qwen3_vl_moe_text", qk_norm="head", bias="attention_bias"),
    _llama("qwen3next", "qwen3_next", qk_norm="head", q_twice=True, linear="delta", period=4,
           shared="width", shared_gate=True),
    _llama("qwen35", "qwen3_5_text", qk_norm="head", q_twice=True, linear="delta", period=4),
    _llama("qwen35moe", "qwen3_5_moe_text", qk_norm="head", q_twice=True, linear="delta", period=4,
           shared="width", shared_gate=True),
    # Google.
    _llama("gemma", tied=True, bias="attention_bias"),
    _llama("gemma2", tied=True, norms=4, period=2, bias="attention_bias"),
    Family(name="vaultgemma", types=("vaultgemma",), tied=True, period=2),
    _llama("gemma3", "gemma3_text", "gemma3", tied=True, norms=4, qk_norm="head", period=6,
           bias="attention_bias"),
    _llama("gemma-embedding", "gemma_embedding", tied=True, norms=4, qk_norm="head", period=6),
    _llama("gemma3n", "gemma3n_text", tied=True, norms=4, qk_norm="head", period=5,
           peculiar="gemma3n"),
    _llama("gemma4", "gemma4_text", "gemma4_unified_text", tied=True, norms=4, qk_norm="head",
           period=6, peculiar="gemma4"),
    # Cohere: one norm before attention and feed, which run side by side.
    _llama("command-r", "cohere", tied=True, norms=1, qk_norm="each", qk_norm_if="use_qk_norm",
           bias="attention_bias"),
    _llama("cohere2", tied=True, norms=1, period=4, bias="attention_bias"),
    _llama("cohere2moe", "cohere2_moe", tied=True, norms=1, period=4, full_first=True,
           shared="count"),
    # OpenAI.
    _llama("gpt-oss", "gpt_oss", bias=True, out_bias=True, sinks=True, period=2, router_bias=True,
           expert_bias=True),
    _llama("gpt2", "gpt2", "gpt-sw3", tied=True, fused=True, bias=True, out_bias=True, gated=False,
           feed_bias=True, norm_bias=True, positions=True),
    # Microsoft.
    _llama("phi2", "phi", fused=False, bias=True, out_bias=True, gated=False, feed_bias=True,
           norms=1,
           norm_bias=True, head_bias=True, qk_norm="head", qk_norm_if="qk_layernorm"),
    _llama("phi3", "phi3", "phi3_v", "phi4_multimodal", "phi4mm", fused_feed=True, windowed=False),
    _llama("phimoe", "phimoe", bias="attention_bias", out_bias="attention_bias", norm_bias=True,
           head_bias=False, windowed=False, peculiar="phimoe"),
    # Older decoders.
    _llama("falcon", "falcon", "RefinedWeb", "RefinedWebModel", tied=True, fused=True,
           gated=False, norm_bias=True, bias="bias", out_bias="bias", feed_bias="bias", norms=1,
           peculiar="falcon"),
    _llama("bloom", tied=True, fused=True, bias=True, out_bias=True, gated=False, feed_bias=True,
           norm_bias=True, first_norm=True),
    _llama("mpt", tied=True, fused=True, gated=False),
    _llama("gptneox", "gpt_neox", fused=True, bias="!attention_bias", out_bias="!attention_bias",
           gated=False, feed_bias=True, norm_bias=True),
    Family(name="gptj", types=("gptj",), gated=False, feed_bias=True, norms=1, norm_bias=True,
           head_bias=True),
    Family(name="codegen", types=("codegen",), fused=True, gated=False, feed_bias=True, norms=1,
           norm_bias=True, head_bias=True),
    Family(name="opt", types=("opt",), tied=True, bias=True, out_bias=True, gated=False,
           feed_bias=True, norm_bias=True, positions=True, peculiar="opt"),
    _llama("starcoder", "gpt_bigcode", tied=True, fused=True, bias=True, out_bias=True, gated=False,
           feed_bias=True, norm_bias=True, positions=True),
    _llama("starcoder2", tied=True, bias="!use_bias", out_bias="!use_bias", gated=False,
           feed_bias="!use_bias", norm_bias=True, windowed=False),
    _llama("stablelm", bias="use_qkv_bias", norm_bias=True, peculiar="stablelm"),
    Family(name="persimmon", types=("persimmon",), fused=True, bias=True, out_bias=True,
           gated=False, feed_bias=True, norm_bias=True, qk_norm="head",
           qk_norm_if="!qk_layernorm", qk_norm_bias=True),
    _llama("chatglm", "chatglm", "glm", fused_feed=True, bias="!attention_bias"),
    _llama("glm4", "glm4", "glm4v_text", norms=4, fused_feed=True, bias="!attention_bias"),
    _llama("nemotron", gated=False, norm_bias=True, bias="attention_bias"),
    _llama("jais2", gated=False, bias=True, out_bias=True, feed_bias=True, norm_bias=True),
    # Mixtures of experts.
    _llama("glm4moe", "glm4_moe", "glm4v_moe_text", bias="attention_bias", qk_norm="head",
           qk_norm_if="use_qk_norm", shared="count", correction=GGUF),
    Family(name="solar_open", types=("solar_open",), shared="count", correction=GGUF),
    _llama("dots1", qk_norm="head", shared="count", correction=GGUF, bias="attention_bias"),
    _llama("minimax-m2", "minimax_m2", qk_norm="full", correction=GGUF),
    _llama("minimax-m3", "minimax_m3_vl_text", "minimax_m3", qk_norm="head",
           shared="width", correction=GGUF, peculiar="minimax_m3"),
    _llama("mimo2", "mimo_v2_flash", "mimo_v2", period=6, correction=GGUF, peculiar="mimo2"),
    _llama("step35", "step3p5", "step3_5", "step3p7", "step3p7_text", qk_norm="head",
           gate="head", shared="width",
           correction=GGUF, peculiar="step35"),
    _llama("exaone4", qk_norm="head", period=4),
    _llama("exaone-moe", "exaone_moe", qk_norm="head", period=4, shared="count", correction=GGUF),
    _llama("hy_v3", "hy_v3", qk_norm="head", shared="count", correction=GGUF),
    _llama("afmoe", norms=4, qk_norm="head", gate="full", period=4, shared="count",
           correction=BOTH),
    _llama("laguna", "laguna", qk_norm="head", gate="head", period=4, full_first=True,
           shared="width", correction=BOTH),
    _llama("mellum", "mellum", qk_norm="head", period=4),
    _llama("dbrx", "dbrx", fused=True, peculiar="dbrx"),
    _llama("bailingmoe2", "bailing_moe_v2", "bailing_moe", fused=True, qk_norm="head",
           shared="count", correction=GGUF),
    _llama("arctic", peculiar="arctic"), _llama("grok", "grok-1"),
    Family(name="aria", types=("aria_text",), shared="count"),
    # Llama 4 norms queries and keys without weights.
    _llama("llama4", "llama4_text", period=4, shared="one", peculiar="llama4"),
    # Latent attention.
    _llama("deepseek2", "deepseek_v2", "deepseek_v3", "kimi_k2", "glm4_moe_lite", "axk1",
           "deepseek_vl_v2_text", shared="count", correction=GGUF),
    _llama("deepseek32", "deepseek_v32", shared="count", correction=GGUF),
    _llama("glm-dsa", "glm_moe_dsa", shared="count", correction=GGUF),
    _llama("minicpm3", tied=True, folded=False),
    _llama("plm", tied=True, folded=False, gated=False),
    _llama("mistral4", shared="count", correction=GGUF),
    _llama("deepseek4", "deepseek_v4", "deepseek_ref", shared="count", correction=GGUF,
           peculiar="deepseek4"),
    _llama("hy_v4", shared="count", correction=GGUF, peculiar="hy_v4"),
    _llama("dots3note", "dots3_note_text", shared="count", correction=GGUF, peculiar="dots3"),
    _llama("glm5-next", "glm5_next_text", linear="kda", shared="count", correction=GGUF,
           peculiar="glm5"),
    _llama("bailingmoe3", "bailing_hybrid", linear="kda", shared="count", correction=GGUF,
           peculiar="bailing3"),
    Family(name="youtu", types=("youtu",), tied=True),
    Family(name="longcat_flash", types=("longcat_flash",), peculiar="longcat"),
    _llama("kimi-linear", "kimi_linear", linear="kda", shared="count", correction=GGUF),
    _llama("kimi-k3", "kimi_k3", linear="kda", shared="count", correction=GGUF, peculiar="kimi_k3"),
    # State spaces and what mixes them in.
    _llama("mamba", "mamba", "falcon_mamba", tied=True, norms=1, linear="mamba1"),
    _llama("mamba2", norms=1, linear="mamba2"),
    _llama("rwkv6", norm_bias=True, peculiar="rwkv6"),
    _llama("rwkv7", norm_bias=True, peculiar="rwkv7"),
    Family(name="xlstm", types=("xlstm",), peculiar="xlstm"),
    Family(name="zamba", types=("zamba",), tied=True, linear="mamba1", peculiar="zamba"),
    Family(name="zamba2", types=("zamba2",), tied=True, linear="mamba2", peculiar="zamba2"),
    _llama("jamba", linear="mamba1", peculiar="jamba"),
    Family(name="bamba", types=("bamba",), linear="mamba2", bias="attention_bias"),
    _llama("granitehybrid", "granitemoehybrid", linear="mamba2", shared="width",
           bias="attention_bias"),
    _llama("falcon-h1", "falcon_h1", linear="both"),
    _llama("nemotron_h", linear="mamba2", norms=1, gated=False, peculiar="nemotron_h"),
    _llama("nemotron_h_moe", "nemotron_h_moe", linear="mamba2", norms=1, gated=False,
           shared="width",
           correction=GGUF, peculiar="nemotron_h"),
    _llama("lfm2", tied=True, linear="conv", qk_norm="head", period=0, peculiar="lfm2"),
    _llama("lfm2moe", "lfm2_moe", tied=True, linear="conv", qk_norm="head", correction=GGUF,
           peculiar="lfm2"),
    _llama("minimax-01", "minimax", "minimax_text_01", linear="lightning", peculiar="minimax"),
    Family(name="olmo_hybrid", types=("olmo_hybrid",), linear="delta", qk_norm="full",
           peculiar="olmo_hybrid"),
    _llama("deci", "nemotron-nas", "deci", peculiar="deci"),
    # Small variations, and some of which only the GGUF is read: what their configurations call
    # things has no rules here.
    _llama("qwen", fused=True, bias=True, windowed=False, peculiar="qwen"),
    _llama("deepseek", shared="count"),
    _llama("maincoder", qk_norm="head"),
    _llama("nanbeige"),
    _llama("dream", "Dream", bias=True, windowed=False),
    _llama("grovemoe", "grove_moe", qk_norm="head", peculiar="grove"),
    _llama("muse-glimmer", "muse_glimmer_text", norms=4, gate="full", period=4),
    _llama("chameleon", qk_norm="each", qk_norm_bias=True),
    _llama("paddleocr", "paddleocr_vl_text", tied=True, bias="use_bias"),
    _llama("maple", qk_norm="head"),
    _gguf("deepseek2-ocr", shared="count"), _gguf("spark2_5", gate="head"),
    _gguf("talkie", norms=0, last_norm=False),
    _gguf("cogvlm", fused=True, peculiar="cogvlm"),
    _llama("hrm_text", gate="full", norms=0, last_norm=False, peculiar="hrm"),
    _llama("plamo2", tied=True, fused=True, fused_feed=True, norms=4, qk_norm="each",
           linear="plamo", peculiar="plamo2"),
    _llama("plamo3", tied=True, fused=True, fused_feed=True, norms=4, qk_norm="head", period=8),
    Family(name="lfm3", types=("lfm3",), tied=True, linear="conv", qk_norm="head", norms=4,
           gate="head"),
    Family(name="flint", types=("flint",), qk_norm="head", sinks=True, shared="width"),
    Family(name="gpt_neo", types=("gpt_neo",), tied=True, out_bias=True, gated=False,
           feed_bias=True, norm_bias=True, positions=True),
    Family(name="nanochat", types=("nanochat",), norms=0, last_norm=False, gated=False,
           bias="attention_bias"),
    _gguf("qwen2vl", bias=True, windowed=False), _gguf("hunyuan_vl", tied=True, qk_norm="head"),
    _gguf("bailingmoe", shared="count"), _gguf("smallthinker"), _gguf("plamo", norms=1),
    _gguf("llada"), _gguf("llada-moe", qk_norm="head"), _gguf("rnd1", qk_norm="head"),
    _gguf("openelm", tied=True, fused=True, qk_norm="head"),
    _gguf("codeshell", bias=True, out_bias=True, gated=False, feed_bias=True, norm_bias=True),
    _gguf("jais", fused=True, bias=True, out_bias=True, feed_bias=True, norm_bias=True),
    Family(name="mllama", types=("mllama_text_model",), peculiar="mllama"),
)  # fmt: skip

BY_TYPE: Final = {kind: family for family in FAMILIES for kind in family.types}
BY_ARCH: Final = {arch: family for family in FAMILIES for arch in family.archs}
