"""Compare our probes with real model servers.

    python -m simulations.engines [--folder .engines] [--llama-server PROGRAM]

Exit status 0: they agree; 1: they do not; 3: the server cannot be built or started here, and why.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from node.cli.render import table
from node.probes.models.files import read_model
from node.probes.models.rest import ask
from node.probes.models.servers import question
from node.shell import clock
from placement.memory.llamacpp import Context
from simulations.engines.comparing import Row, memory_rows, native_server, python_server
from simulations.engines.serving import NotServing, serving
from simulations.ports import free_port

FOLDER: Final = Path(".engines")
PACKAGES: Final = ("llama-cpp-python[server]==0.3.36", "gguf==0.19.0")
CMAKE: Final = "-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF -DLLAMA_CURL=OFF -DGGML_OPENMP=OFF"
"""No more than is needed to serve one tiny model on a processor."""
TINY: Final = Path(__file__).with_name("tiny.py")
KINDS: Final = ("llama", "rwkv7")
CONTEXT: Final = 8192
AGREES: Final = 0
DIFFERS: Final = 1
NOT_HERE: Final = 3


class NotBuilt(Exception):
    """The environment cannot be made; the text is the end of what pip said."""


def main() -> int:
    """Build once, serve, compare."""
    parser = argparse.ArgumentParser(prog="python -m simulations.engines")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="the environment to use")
    parser.add_argument("--llama-server", help="also this program (default: if it is on the PATH)")
    flags = parser.parse_args()
    try:
        python = _environment(flags.folder)
        native = flags.llama_server or shutil.which("llama-server")
        rows: list[Row] = []
        for kind in KINDS:
            model = flags.folder / f"tiny-{kind}.gguf"
            _run([str(python), str(TINY), kind, str(model)])
            rows += _python(python, model, flags.folder)
            rows += _native(native, model, flags.folder) if native else []
    except (NotBuilt, NotServing) as no:
        sys.stderr.write(f"engines: {no}\n")
        return NOT_HERE
    shown = [
        [row.server, row.what, str(row.theirs), str(row.ours), "yes" if row.agrees else "NO"]
        for row in rows
    ]
    lines = table(("SERVER", "WHAT", "IT SAYS", "WE SAY", "AGREED"), shown)
    sys.stdout.write("\n".join(lines) + "\n")
    return AGREES if all(row.agrees for row in rows) else DIFFERS


def _environment(folder: Path) -> Path:
    python = folder / "bin/python"
    done = folder / "built"
    if done.exists() and done.read_text() == " ".join(PACKAGES):
        return python
    _run([sys.executable, "-m", "venv", str(folder)])
    os.environ["CMAKE_ARGS"] = f"{CMAKE} {os.environ.get('CMAKE_ARGS', '')}".strip()
    _run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES])
    done.write_text(" ".join(PACKAGES))
    return python


def _run(words: list[str]) -> str:
    ran = subprocess.run(words, check=False, capture_output=True, text=True)
    if ran.returncode:
        raise NotBuilt(f"{' '.join(words)}\n" + "\n".join(ran.stderr.splitlines()[-12:]))
    return ran.stdout.strip()


def _python(python: Path, model: Path, folder: Path) -> list[Row]:
    port = free_port()
    version = _run([str(python), "-c", "import llama_cpp; print(llama_cpp.__version__)"])
    words = [
        str(python), "-m", "llama_cpp.server", "--model", str(model), "--model_alias", model.stem,
        "--n_ctx", str(CONTEXT), "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    with serving(words, port, folder / "python.log") as served:
        models = ask(port, "/v1/models", clock.now)
        rows = python_server(version, models, question(port, clock.now))
    # It asks for no flash attention unless it is told to.
    asked = Context(tokens=CONTEXT, flash=False)
    return rows + _memory("llama-cpp-python", served.log, model, asked)


def _native(program: str, model: Path, folder: Path) -> list[Row]:
    port = free_port()
    words = [
        program, "--model", str(model), "--ctx-size", str(CONTEXT), "--parallel", "1", "--offline",
        "--host", "127.0.0.1", "--port", str(port), "--no-warmup", "-lv", "4",
    ]  # fmt: skip
    with serving(words, port, folder / "native.log") as served:
        props = ask(port, "/props", clock.now)
        rows = native_server(props, ask(port, "/v1/models", clock.now), question(port, clock.now))
    return rows + _memory("llama-server", served.log, model, Context(tokens=CONTEXT))


def _memory(server: str, log: Path, model: Path, asked: Context) -> list[Row]:
    kv = read_model(model).gguf_kv or {}
    return memory_rows(server, log.read_text(errors="replace"), kv, asked)


if __name__ == "__main__":
    sys.exit(main())
