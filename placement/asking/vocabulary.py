"""The words that `words.py` knows: workloads, sizes, quantisations; and where they are from.

Every phrase is lower case, letters and digits only, and matched as whole words. Kinds of work stand
in order of precedence: the more particular first.
"""

from decimal import Decimal
from typing import Final, NamedTuple

from placement.amounts import GIB, MIB


class Workload(NamedTuple):
    """One kind of work. `peak_bytes`: memory it usually peaks at, a rule of thumb; `floor_bytes`:
    with less free than this it is not worth starting."""

    name: str
    gloss: str
    phrases: tuple[str, ...]
    tools: tuple[str, ...] = ()
    peak_bytes: int = 0
    is_inference: bool = False
    floor_bytes: int = 0


WORKLOADS: Final = (
    Workload(
        "apple-intelligence",
        "Apple's built-in models",
        ("apple foundation models", "apple foundation model", "apple intelligence"),
        ("apple-foundation-models",),
    ),
    Workload(
        "llama-server",
        "a model behind llama.cpp's server",
        ("llama server", "llama cpp", "llamacpp"),
        ("llama-server",),
        is_inference=True,
        floor_bytes=6 * GIB,
    ),
    Workload(
        "local-llm-inference",
        "a language model on one machine",
        (
            "ollama run",
            "run ollama",
            "ollama chat",
            "ollama serve",
            "ollama inference",
            "ollama embeddings",
            "local llm",
            "llm inference",
            "run llm",
            "run an llm",
            "local inference",
        ),
        is_inference=True,
    ),
    Workload(
        "repo-analysis",
        "reading a code base",
        (
            "repo",
            "repository",
            "codebase",
            "code base",
            "code review",
            "review the code",
        ),
        ("git",),
        peak_bytes=GIB,
    ),
    Workload(
        "go-build",
        "building or testing Go",
        ("go build", "go test", "go tests", "golang", "go vet", "build go", "compile go"),
        ("go", "git"),
        peak_bytes=2 * GIB,
    ),
    Workload(
        "rust-build",
        "building or testing Rust",
        (
            "cargo",
            "rustc",
            "rust build",
            "rust tests",
            "rust test",
            "build rust",
            "compile rust",
            "test rust",
            "rust project",
            "rust crate",
        ),
        ("cargo",),
        peak_bytes=4 * GIB,
    ),
    Workload(
        "cpp-build",
        "building C or C++",
        (
            "cmake",
            "gcc",
            "clang",
            "build c",
            "compile c",
            "make build",
            "build llvm",
            "linux kernel",
        ),
        ("cmake",),
        peak_bytes=2 * GIB,
    ),
    Workload(
        "node-build",
        "building or testing JavaScript",
        ("npm", "pnpm", "yarn", "webpack", "nodejs", "node js", "typescript", "javascript"),
        ("node",),
        peak_bytes=2 * GIB,
    ),
    Workload(
        "python-tests",
        "running or testing Python",
        (
            "pytest",
            "python tests",
            "python script",
            "tox",
            "test python",
            "run python",
            "python test",
        ),
        ("python3",),
        peak_bytes=GIB,
    ),
    Workload(
        "docker-build",
        "building or running containers",
        ("docker", "dockerfile", "docker compose", "container image"),
        ("docker",),
        peak_bytes=4 * GIB,
    ),
    Workload(
        "indexing-io",
        "walking many files",
        (
            "index all files",
            "index files",
            "index the",
            "indexing",
            "scan the filesystem",
            "filesystem scan",
            "crawl",
        ),
        peak_bytes=2 * GIB,
        floor_bytes=2 * GIB,
    ),
    Workload(
        "batch-script",
        "a script",
        ("batch script", "batch job", "shell script", "bash script", "cron job"),
        peak_bytes=512 * MIB,
    ),
    Workload(
        "long-context-inference",
        "a language model with a long context",
        (
            "long context",
            "book length",
            "needle in a haystack",
            "million token",
            "1m tokens",
            "512k",
            "256k",
            "200k",
            "128k",
        ),
        is_inference=True,
        floor_bytes=6 * GIB,
    ),
)

CONTEXTS: Final[tuple[tuple[int, tuple[str, ...]], ...]] = (
    (1_000_000, ("1m", "million token", "million tokens")),
    (512_000, ("512k",)),
    (256_000, ("256k", "200k")),
    (128_000, ("128k", "long context", "book length", "needle in a haystack")),
)
"""Tokens, and the words that mean so many. 200k is rounded up to the next usual size."""

CONTEXT_FLOORS: Final = ((1_000_000, 12 * GIB), (512_000, 8 * GIB), (128_000, 6 * GIB))
"""Tokens from which on, and the least free memory with which that is worth starting (AXIS's)."""

SIZE_FLOORS: Final = (
    (Decimal("40e9"), 12 * GIB), (Decimal("13e9"), 8 * GIB), (Decimal("7e9"), 4 * GIB),
)  # fmt: skip
"""The same by parameters (AXIS's; of larger models it counts on weights being mapped)."""

HEAVY_FLOOR_BYTES: Final = 8 * GIB
INFERENCE_FLOOR_BYTES: Final = 6 * GIB

ENGINE_WORDS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("mlx", ("mlx", "apple silicon", "mac studio", "mac mini", "macbook pro")),
    (
        "apple-foundation-models",
        ("apple foundation models", "apple foundation model", "apple intelligence"),
    ),
    ("llama.cpp", ("llama cpp", "llamacpp", "llama server")),
    ("vllm", ("vllm",)),
    ("sglang", ("sglang",)),
)
"""Engines, and the words that name one."""

RUNTIMES: Final = ("ollama", "llama cpp", "llamacpp", "llama server", "mlx", "vllm", "sglang")

VERBS: Final = (
    "run",
    "serve",
    "host",
    "chat",
    "generate",
    "summarize",
    "build",
    "compile",
    "test",
    "index",
    "scan",
    "analyze",
    "review",
    "execute",
    "deploy",
    "train",
)
"""With one of these a text wants something done, even when it also lists hardware."""

HARDWARE: Final = (
    "cpu",
    "gpu",
    "ram",
    "ssd",
    "hdd",
    "nvme",
    "rtx",
    "gtx",
    "radeon",
    "geforce",
    "nvidia",
    "ryzen",
    "xeon",
    "threadripper",
    "epyc",
    "motherboard",
    "mainboard",
    "psu",
)

MODELS: Final = (
    ("llama3", "8"),
    ("llama2", "7"),
    ("mistral", "7"),
    ("qwen2", "7"),
    ("gemma2", "9"),
    ("phi3", "3.8"),
    ("mixtral", "47"),
)
"""What a name without a size usually brings: the default tag of the Ollama library."""
