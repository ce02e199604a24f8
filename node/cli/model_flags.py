"""The flags of `holdfast model`: as many as all the other pages of a command have together."""

from argparse import ArgumentParser


def model_flags(parser: ArgumentParser) -> None:
    """Of `model`."""
    add = parser.add_argument
    add("what", choices=("inspect", "estimate"), metavar="inspect|estimate", help="what to do")
    add("subject", nargs="?", metavar="MODEL", help="a name, FILE, FOLDER, ollama:NAME or ORG/REPO")
    how = parser.add_argument_group("to estimate")
    add = how.add_argument
    add("--quant", metavar="NAME", help="q4_k_m, q8_0, bf16, awq, ... (default: as it is stored)")
    add("--ctx", metavar="TOKENS", default="8k", help="for each sequence: 8192, 32k (default 8k)")
    add("--parallel", type=int, metavar="COUNT", default=1, help="sequences at once (default 1)")
    add("--engine", metavar="NAME", default="llama.cpp", help="llama.cpp, ollama, vllm, mlx, ...")
    add("--cache-type", metavar="TYPE", default="f16", help="of keys and values (default f16)")
    add("--ubatch", type=int, metavar="TOKENS", default=512, help="micro-batch (default 512)")
    add("--no-flash", action="store_true", help="without flash attention")
    add("--swa-full", action="store_true", help="keep windowed layers whole")
    add("--backend", metavar="NAME", help="cuda, rocm, metal, vulkan or cpu")
    add("--cards", type=int, metavar="COUNT", default=1, help="split over so many (default 1)")
    add("--split", choices=("layer", "tensor"), default="layer", help="how (default layer)")
    add("--draft", metavar="MODEL", help="a second model that guesses ahead")
    add("--lora-rank", type=int, metavar="RANK", default=0, help="with an adapter of this rank")
    add("--card", metavar="NAME", help="for the speed: rtx4090, h100, or GB/s as a number")


def sizing_flags(parser: ArgumentParser) -> None:
    """Of a request that is for a model: the room follows from these."""
    group = parser.add_argument_group("for a model (`holdfast model estimate` shows the sum)")
    add = group.add_argument
    add("--model", metavar="NAME", help="as in llama3.1:70b; asks for the room that it needs")
    add("--quant", metavar="NAME", help="as in q4_k_m")
    add("--ctx", metavar="TOKENS", help="for each sequence, as in 32k (default 8k)")
    add("--parallel", type=int, metavar="COUNT", help="sequences at once (default 1)")
    add("--cards", type=int, metavar="COUNT", help="split over so many (default 1)")
