"""How each engine keeps its cache and what it takes besides, as data.

The same model at the same context differs eightfold between engines that do and do not make use of
windows, and seventyfold between those that do and do not keep latent rows. Figures without a count
behind them are published measurements or logs; each row says which. `unknown` is the worst of all.
"""

from dataclasses import dataclass
from typing import Final

from placement.memory.requests import NONE, Interval

MIB: Final = 1 << 20
GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One engine and version class."""

    name: str
    words: tuple[str, ...]
    """The names people write."""
    windows: bool = True
    """Sliding layers keep a window only."""
    latent: bool = True
    """Latent attention keeps its one compressed row."""
    block: int = 1
    """Tokens that are set aside together."""
    exact: bool = False
    """We count as it counts."""
    gguf: bool = False
    """It reads GGUF files."""
    takes_share: float = 0.0
    """The share of each card that it takes whatever it needs; 0: what it needs."""
    grows: bool = False
    """It takes the cache as the text grows: too little room shows late."""
    beside: Interval = NONE
    """What it takes on each card besides what is counted and the runtime."""
    source: str = ""


ENGINES: Final = (
    Engine(
        name="llama.cpp", words=("llama.cpp", "llamacpp", "llama-server", "lmstudio", "lm-studio"),
        block=256, exact=True, gguf=True,
        source="llama.cpp b9000: llama-kv-cache-iswa.cpp, llama-context.cpp",
    ),
    Engine(
        name="llama.cpp-old", words=("llama.cpp-old", "ik_llama", "koboldcpp-old"),
        windows=False, latent=False, block=32, gguf=True,
        source="llama.cpp before b5350: no windows, latent rows unfolded",
    ),
    Engine(
        name="ollama", words=("ollama",), block=256, exact=True, gguf=True,
        beside=Interval(0, 0, 457 * MIB),
        source="ollama runs llama-server and keeps 457 MiB of each card free",
    ),
    Engine(
        name="vllm", words=("vllm",), block=16, takes_share=0.92,
        beside=Interval(200 * MIB, 700 * MIB, 2 * GIB),
        source="vLLM 0.33: kv_cache_interface.py; logs of its memory profiling",
    ),
    Engine(
        name="sglang", words=("sglang",), block=16, takes_share=0.88,
        beside=Interval(200 * MIB, 700 * MIB, 2 * GIB),
        source="SGLang: mem_fraction_static; cache as vLLM's",
    ),
    Engine(
        name="mlx", words=("mlx", "mlx-lm", "exo"), block=256, grows=True,
        beside=Interval(0, 300 * MIB, 1 * GIB),
        source="mlx-lm: caches grow in steps of 256; rotating ones for windows",
    ),
    Engine(
        name="unknown", words=("unknown", "any"), windows=False, latent=False, block=256,
        beside=Interval(0, 1 * GIB, 3 * GIB), source="the worst of the others",
    ),
)  # fmt: skip
BY_WORD: Final = {word: engine for engine in ENGINES for word in engine.words}

RUNTIMES: Final = {
    "cuda": (Interval(107 * MIB, 500 * MIB, 1024 * MIB), "CUDA context: 107 to 555 MiB in logs"),
    "rocm": (Interval(200 * MIB, 600 * MIB, 1024 * MIB), "ROCm context"),
    "metal": (Interval(50 * MIB, 200 * MIB, 512 * MIB), "Metal"),
    "vulkan": (Interval(50 * MIB, 300 * MIB, 600 * MIB), "Vulkan"),
    "cpu": (Interval(20 * MIB, 50 * MIB, 150 * MIB), "the process itself"),
}
"""What a process takes on each card before it has done anything; no buffer line shows it."""
