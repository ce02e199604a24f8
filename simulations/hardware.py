"""Invented machines: an inventory and a live sample, as honest probes would report them."""

from collections.abc import Mapping

from ledger.observations import PoolReading
from node.core.reports import InventoryRead, Sampled
from node.core.topics import Inventory, Live, Metric, PoolFact, PoolLive, ToolFact

GIB = 1 << 30
TOOLS = ("git", "python3", "ollama", "docker", "go", "ffmpeg")


def inventory(name: str, ram: int, cores: int, tools: tuple[str, ...] = TOOLS[:2]) -> InventoryRead:
    """A machine without cards: `ram` bytes, `cores` cores."""
    return InventoryRead(
        Inventory(
            hostname=name,
            os="linux",
            os_version="invented",
            kernel="6.0",
            arch="x86_64",
            cpu_model=Metric("invented", "", "simulation"),
            cores_logical=Metric(cores, "cores", "simulation"),
            cores_physical=Metric(cores, "cores", "simulation"),
            memory_total=Metric(ram, "bytes", "simulation"),
            pools=(
                PoolFact("cpu", "cpu", "millicores", cores * 1000, 0, "cores", "simulation"),
                PoolFact("ram", "ram", "bytes", ram, 0, "main memory", "simulation"),
            ),
            gpus=(),
            volumes=(),
            tools=tuple(ToolFact(tool, f"/usr/bin/{tool}", None) for tool in tools),
            addresses=(),
            labels={},
            share=None,
            fingerprint=f"fingerprint of {name}",
            boot=f"boot of {name}",
            version="simulation",
        )
    )


def sample(
    ram: int, cores: int, ram_foreign: int = 0, used: Mapping[bytes, int] | None = None
) -> Sampled:
    """What the probes see: `ram_foreign` bytes taken by nobody's hold, `used` by holds."""
    used = dict(used or {})
    free = ram - ram_foreign - sum(used.values())
    live = Live(
        pools={
            "cpu": PoolLive(cores * 1000, {}, None, "simulation"),
            "ram": PoolLive(
                free,
                {hold.hex(): amount for hold, amount in used.items()},
                ram_foreign,
                "simulation",
            ),
        },
        metrics={"load1": Metric(0.1, "", "simulation")},
    )
    readings = (
        PoolReading("cpu", cores * 1000, 0, cores * 1000, {}),
        PoolReading("ram", ram, 0, free, used),
    )
    return Sampled(live, readings)
