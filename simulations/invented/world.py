"""A world with virtual time, in which real agents live on invented hosts.

Each host runs the very agent that runs on the wire; what is invented is what surrounds it: the
shell (`shell.py`), streams (`streams.py`), the network, the disk, the clock and the hardware. One
seed draws everything. Here are the hosts, the doors for people, and the doors for misfortune
(`Machines`, in `machines.py`); whoever wants to see what happens joins the audience.
"""

from collections.abc import Callable
from typing import Any, Final

from ledger.commands import Answer, Command, decode_answer, encode_signed, sign_command
from mesh.effects import Address
from mesh.instant import Duration, seconds
from mesh.letters.datagram import DATAGRAM_BYTES_MAX
from node.core.effects import Reply
from node.core.errands import SERVICE_LEDGER
from node.core.requests import Request
from simulations.invented import signatures
from simulations.invented.host import Host
from simulations.invented.machines import PORT, Machines
from simulations.invented.network import Weather
from simulations.invented.observing import Observer
from simulations.invented.overheard import Sent
from simulations.invented.shared import share
from simulations.invented.shell import Shell
from simulations.invented.streams import Streams

__all__ = ["CALM", "PORT", "World", "replies_of"]

CALM: Final = Weather()
ANSWER_WAIT: Final[Duration] = seconds(120)


class World(Machines):
    """Hosts, a network, people, and time that jumps to the next thing that happens."""

    def __init__(
        self, seed: int, weather: Weather = CALM, *, scheme: str = signatures.STAND_IN
    ) -> None:
        """`scheme`: how nodes sign, of `signatures.SCHEMES`."""
        super().__init__(seed, weather, scheme)
        share()
        self.shell = Shell(self)
        self.streams = Streams(self)
        self.commands: list[Sent] = []
        """Every command that one host sent another, in order."""
        self.command_answers: dict[int, Answer | None] = {}
        """By token: what `command` brought, None for silence."""
        self._last_command = 0
        self.tap: Callable[[str, Address | None, bytes], None] | None = None
        """Sees every datagram that is sent: (sender's name, to whom or None for all, datagram)."""

    def observe(self, observer: Observer) -> None:
        """Let `observer` see everything from now on."""
        self.audience.join(observer)
        if self.audience.second and not self._ticking:
            self._ticking = True
            self.each_second(self._tick)

    def _tick(self) -> None:
        for tell in self.audience.second:
            tell(self)

    # People --------------------------------------------------------------------------------------

    def ask(self, name: str, request: Request) -> int:
        """Put a request to a host's agent; the token finds the answer in `host.replies`."""
        host = self.hosts[name]
        assert host.agent is not None, f"{name} is down"
        host.last_token += 1
        token = host.last_token
        for tell in self.audience.asked:
            tell(host, token, request)
        self.shell.arrive(host, "ask", token, request)
        return token

    def hang_up(self, name: str, token: int) -> None:
        """Whoever asked closes the door without waiting for the answer."""
        host = self.hosts[name]
        assert host.agent is not None, f"{name} is down"
        if token not in host.replies:
            host.hung_up.add(token)
        self.shell.arrive(host, "cancel", token)

    def answer(self, name: str, request: Request, limit: Duration = ANSWER_WAIT) -> Reply:
        """Ask, and let the world go on until the answer is there."""
        token = self.ask(name, request)
        host = self.hosts[name]
        assert self.run_until(lambda: token in host.replies, limit), f"no answer to {request}"
        return host.replies[token]

    def command(self, from_name: str, to_name: str, command: Command) -> int:
        """Send a command to a host's books, signed by another's key, as any holder could.

        The token finds the answer in `command_answers`; a cut way leaves none there.
        """
        host, target = self.hosts[from_name], self.hosts[to_name]
        self._last_command += 1
        token = self._last_command
        signed = encode_signed(sign_command(host.identity, target.id, command))

        def came(body: bytes | None) -> None:
            self.command_answers[token] = decode_answer(body) if body else None

        self.streams.request(host, target, SERVICE_LEDGER, signed, came)
        return token

    # The wire ------------------------------------------------------------------------------------

    def send(self, host: Host, to: Address, datagram: bytes) -> None:
        """One datagram leaves a host for one address."""
        if self.tap is not None:
            self.tap(host.name, to, datagram)
        for tell in self.audience.sent:
            tell(host, to, datagram)
        target = self._by_address.get(to.host)
        if target is not None:
            self._deliver(host, target, datagram)

    def broadcast(self, host: Host, datagram: bytes) -> None:
        """One datagram leaves a host for everybody in earshot."""
        if self.tap is not None:
            self.tap(host.name, None, datagram)
        for tell in self.audience.sent:
            tell(host, None, datagram)
        for other in self.hosts.values():
            if other is not host:
                self._deliver(host, other, datagram)

    def _deliver(self, host: Host, target: Host, datagram: bytes) -> None:
        for late, came in self.network.datagram(host.name, target.name, datagram):
            self.at(late, self._arrived, target, came, host.endpoint)

    def _arrived(self, target: Host, datagram: bytes, source: Address) -> None:
        if target.agent is None or target.asleep:
            return
        if len(datagram) > DATAGRAM_BYTES_MAX:
            target.datagrams_dropped += 1  # as the real gate does, before anyone reads it
            return
        self.shell.arrive(target, "datagram", datagram, source)

    def inject(self, name: str, datagram: bytes, source: Address) -> None:
        """A datagram reaches the host, whoever sent it. Nobody hears it when the host is down."""
        self._arrived(self.hosts[name], datagram, source)


def replies_of(host: Host) -> list[dict[str, Any]]:
    """Everything the host's agent has answered, in order."""
    return [host.replies[token].body for token in sorted(host.replies)]
