"""Model servers, by small ones that speak what each documents; and some that speak nonsense."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.probes.models import rest
from node.probes.models.rest import NoAnswer, ask, body_of, is_whole
from node.probes.models.servers import (
    LoadedModel,
    Server,
    Servers,
    name_of,
    parse_listening,
    question,
    recognised,
)
from tests.node.probes.world import machine

now = time.monotonic_ns


@contextmanager
def serving(answer: Callable[[str], bytes]) -> Iterator[int]:
    """A server on loopback: path → the bytes it sends before it hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    caller, _ = door.accept()
                except OSError:
                    return
                with caller:
                    line = caller.recv(4096).split(b" ")
                    try:
                        caller.sendall(answer(line[1].decode() if len(line) > 1 else ""))
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _ok(body: Any) -> bytes:
    content = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)


def _rest(pages: dict[str, Any]) -> Callable[[str], bytes]:
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    return lambda path: _ok(pages[path]) if path in pages else missing


def _models(*ids: str, **more: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name, "object": "model", **more} for name in ids]}


OLLAMA = {
    "/v1/models": _models("llama3.2:latest", "qwen3:8b", owned_by="library"),
    "/api/version": {"version": "0.12.3"},
    "/api/ps": {
        "models": [
            {
                "name": "llama3.2:latest", "model": "llama3.2:latest", "size": 3826793472,
                "digest": "a80c4f17acd5", "size_vram": 3389456384, "context_length": 4096,
                "expires_at": "2026-11-21T14:38:31.83753-07:00",
                "details": {"family": "llama", "quantization_level": "Q4_K_M"},
            }
        ]
    },
}  # fmt: skip
LLAMA_CPP = {
    "/v1/models": _models(
        "model.gguf",
        owned_by="llamacpp",
        meta={"n_vocab": 128256, "n_ctx_train": 131072, "n_params": 8030261312, "size": 4912898304},
    ),
    "/props": {
        "default_generation_settings": {"n_ctx": 8192},
        "total_slots": 4,
        "model_path": "/models/model.gguf",
        "build_info": "b7100-1234abcd",
    },
}
VLLM = {
    "/v1/models": _models("Qwen/Qwen3-8B", owned_by="vllm", max_model_len=40960),
    "/version": {"version": "0.33.0"},
}
SGLANG = {
    "/v1/models": _models("openai/gpt-oss-20b", owned_by="sglang", max_model_len=131072),
    "/get_server_info": {"version": "0.5.4", "tp_size": 1},
}
LLAMA_CPP_PYTHON = {
    "/v1/models": _models("tiny", owned_by="me", permissions=[]),
    "/openapi.json": {
        "openapi": "3.1.0",
        "info": {"title": "\U0001f999 llama.cpp Python API", "version": "0.3.36"},
        "paths": {},
    },
}
LM_STUDIO = {
    "/v1/models": _models("qwen3-8b", "gemma-3", owned_by="organization_owner"),
    "/api/v0/models": {
        "data": [
            {"id": "qwen3-8b", "state": "loaded", "loaded_context_length": 16384},
            {"id": "gemma-3", "state": "not-loaded", "max_context_length": 131072},
        ]
    },
}


@pytest.mark.parametrize(
    ("pages", "kind", "version", "loaded"),
    [
        (OLLAMA, "ollama", "0.12.3", LoadedModel("llama3.2:latest", 3826793472, 3389456384, 4096)),
        (
            LLAMA_CPP,
            "llama.cpp",
            "b7100-1234abcd",
            LoadedModel("model.gguf", 4912898304, None, 8192, 4),
        ),
        (VLLM, "vllm", "0.33.0", LoadedModel("Qwen/Qwen3-8B", context=40960)),
        (LLAMA_CPP_PYTHON, "llama.cpp", "llama-cpp-python 0.3.36", LoadedModel("tiny")),
        (SGLANG, "sglang", "0.5.4", LoadedModel("openai/gpt-oss-20b", context=131072)),
    ],
)
def test_each_server_is_known_by_its_answer_and_tells_what_it_has_loaded(
    pages: dict[str, Any], kind: str, version: str, loaded: LoadedModel
) -> None:
    with serving(_rest(pages)) as port:
        assert question(port, now) == Server(kind, port, version, (loaded,))


def test_lm_studio_is_known_by_its_port_and_tells_loaded_from_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert recognised(LM_STUDIO["/v1/models"], 1234)[0] == "lm-studio"
    assert recognised(LM_STUDIO["/v1/models"], 8000)[0] is None
    with serving(_rest(LM_STUDIO)) as port:
        monkeypatch.setattr(
            "node.probes.models.servers.recognised", lambda models, _: ("lm-studio", ())
        )
        server = question(port, now)
    assert server is not None
    assert server.loaded == (LoadedModel("qwen3-8b", context=16384),)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("/home/ann/private/model.gguf", "model.gguf"), ("models/model.gguf", "model.gguf"),
        ("C:\\Users\\ann\\model.gguf", "model.gguf"), ("/srv/Qwen3-8B/", "Qwen3-8B"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"), ("llama3.2:latest", "llama3.2:latest"),
        ("/", "unnamed"), ("", "unnamed"), (7, "unnamed"),
    ],
)  # fmt: skip
def test_a_model_is_told_by_its_name_and_never_by_where_it_lies(told: object, shown: str) -> None:
    assert name_of(told) == shown


@pytest.mark.parametrize(
    "description", [None, {}, {"info": []}, {"info": {"title": "My own API", "version": "1"}}]
)
def test_whoever_calls_itself_me_and_does_not_say_what_it_is_stays_a_stranger(
    description: object,
) -> None:
    pages = {**LLAMA_CPP_PYTHON, "/openapi.json": description}
    if description is None:
        del pages["/openapi.json"]
    with serving(_rest(pages)) as port:
        assert question(port, now) is None


def test_a_server_that_is_half_broken_is_told_with_a_note() -> None:
    with serving(_rest({"/v1/models": OLLAMA["/v1/models"]})) as port:
        server = question(port, now)
    assert server is not None
    assert (server.kind, server.note) == ("ollama", "the answer is 404")


RUBBISH = {
    "nothing": b"",
    "no HTTP": b"\x00\xff\x00\xff" * 100,
    "no JSON": b"HTTP/1.1 200 OK\r\n\r\n<html>",
    "a list": b"HTTP/1.1 200 OK\r\n\r\n[1, 2]",
    "nested": b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
    "no objects": b'HTTP/1.1 200 OK\r\n\r\n{"data": [1, "x"]}',
    "broken chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n",
    "too much": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (2 * 1024 * 1024),
    "a strange owner": _ok(_models("x", owned_by="me")),
    "absurd names and figures": _ok(
        {"data": [{"id": 7, "owned_by": "vllm", "max_model_len": -1, "meta": {"size": 1e300}}]}
    ),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_is_nobody_and_never_a_crash(name: str) -> None:
    with serving(lambda _: RUBBISH[name]) as port:
        server = question(port, now)
    if name == "absurd names and figures":
        assert server is not None
        assert server.loaded == (LoadedModel("unnamed"),)
    else:
        assert server is None


def test_silence_and_dripping_are_bounded_by_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "ANSWER_SECONDS_MAX", 0.15)
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def drip() -> None:
            caller, _ = door.accept()
            with caller:
                while not enough.wait(0.02):
                    try:
                        caller.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = now()
        with pytest.raises(NoAnswer):
            ask(door.getsockname()[1], "/v1/models", now)
        assert now() - began < 2 * 10**9
        enough.set()
        thread.join(5)


def _listening_at(port: int, inode: int) -> dict[str, str]:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    row = f"   0: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0"
    return {"proc/net/tcp": f"{head}{row} {inode} 1 0 100 0 0 10 0\n"}


def test_only_where_somebody_listens_is_asked_and_strangers_only_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def stranger(path: str) -> bytes:
        asked.append(path)
        return b"HTTP/1.1 404 Not Found\r\n\r\n"

    with serving(stranger) as port:
        roots = machine(tmp_path, _listening_at(port, 1))
        servers = Servers(roots, now, (port, 1))
        for _ in range(3):
            assert servers.look() == ()
        assert asked == ["/v1/models"]
        machine(tmp_path, _listening_at(port, 2))  # somebody else listens now
        servers.look()
        assert len(asked) == 2


def test_the_kernels_table_of_sockets_is_read() -> None:
    text = _listening_at(11434, 77)["proc/net/tcp"]
    assert parse_listening(text) == {11434: "77"}
    assert parse_listening(text.replace(" 0A ", " 01 ")) == {}
    assert parse_listening("head\n0: 0100007F:ZZZZ x 0A 1 2 3 4 5 6 7\n\n: : :") == {}


def test_a_chunked_answer_is_joined() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert body_of(head + b"3\r\n[1,\r\n2;x=y\r\n2]\r\n0\r\n\r\n") == b"[1,2]"
    assert is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    assert not is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_any_answer_is_read_or_refused(noise: bytes, models: Any) -> None:
    try:
        body_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + noise)
    except NoAnswer as refused:
        assert str(refused)  # noqa: PT017
    is_whole(noise)
    recognised({"data": models}, 8080)
    recognised(models, 1234)
