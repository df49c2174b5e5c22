"""Which channel leads from a service to another: in process where both live here, to the other process where not."""

from __future__ import annotations

import asyncio
from functools import partial

import grpc
import grpc.aio

from stoa.app import GATEWAY, SERVICES
from stoa.kit.channels import Faults, InProcessChannel, Registry, RemoteChannel, RpcServer
from stoa.kit.channels.calls import Channel
from stoa.kit.http.probes import CHECK_SECONDS, Check
from stoa.kit.pulse import Pulse
from stoa.kit.service import Service, UndeclaredCall
from stoa.kit.telemetry import metrics
from stoa.runtime.failure import Failure
from stoa.runtime.topology import LOOPBACK, ProcessPlan, Topology

_CALLEE = {f"{name.title()}Service": name for name in (*SERVICES, "intake", "stream")}


class Neighbors:
    """The channels of one process, one for each pair of caller and callee, and the server that others call.

    `over_the_wire` sends calls between services of this very process through its server too: the same code
    as between machines, for a test that wants to see no difference.
    """

    def __init__(
        self,
        topology: Topology,
        plan: ProcessPlan,
        secret: str,
        pulse: Pulse,
        *,
        faults: Faults | None,
        over_the_wire: bool,
    ) -> None:
        self.registry = Registry(called=pulse.quicken)
        self._topology = topology
        self._plan = plan
        self._secret = secret
        self._faults = faults
        self._over_the_wire = over_the_wire
        self._server: RpcServer | None = None
        self._channels: dict[tuple[str, str], Channel] = {}

    async def open(self) -> None:
        """Make channels possible. Until `listen` nobody from outside can call."""
        if self._over_the_wire and self._plan.grpc is None:
            self._server = RpcServer(self.registry, LOOPBACK, 0, self._secret)
            await self._server.start()

    async def listen(self, host: str) -> None:
        """Answer calls from other processes, once the servicers are there. Raises `Failure` for a port in use."""
        if self._plan.grpc is None:
            return
        self._server = RpcServer(self.registry, host, self._plan.grpc.port, self._secret)
        try:
            await self._server.start()
        except RuntimeError:
            raise Failure(f"port {self._plan.grpc.port} on {host} is in use", "stop what listens there") from None

    def checks(self) -> dict[str, Check]:
        """For each other process that somebody here calls: whether it answers."""
        callers = [*(SERVICES[name] for name in self._plan.services), *([GATEWAY] if self._plan.gateway else [])]
        # Everybody asks auth for the keys that tokens are signed with.
        called = {"auth", *(callee for caller in callers for callee in caller.calls)}
        homes = {home.name: home for home in map(self._topology.home_of, sorted(called))}
        homes.pop(self._plan.name, None)
        return {name: partial(self._probe(home).check, CHECK_SECONDS) for name, home in homes.items()}

    def channel(self, caller: Service, callee: str) -> grpc.aio.Channel:
        """For a service's generated stub. Raises `UndeclaredCall` unless `stoa.app` allows the edge."""
        if callee not in caller.calls:
            raise UndeclaredCall(f"{caller.name} calls {callee}, and its line in stoa.app does not list it")
        return self.system_channel(caller.name, callee)

    def system_channel(self, caller: str, callee: str) -> grpc.aio.Channel:
        """For what is no service's call: the bus, the keys that check tokens."""
        return self._channel(caller, callee, self._faults)

    def operator_channel(self, callee: str) -> grpc.aio.Channel:
        """For a command: faults on purpose are for calls between services, not for those who look after them."""
        return self._channel("operator", callee, None)

    def _channel(self, caller: str, callee: str, faults: Faults | None) -> grpc.aio.Channel:
        if (caller, callee) not in self._channels:
            self._channels[caller, callee] = self._open(caller, callee, faults)
        return self._channels[caller, callee]

    async def stop_answering(self, grace_seconds: float) -> None:
        """Take no calls from other processes any more; those that run get `grace_seconds`."""
        if self._server is not None:
            await self._server.stop(grace_seconds)

    async def close(self, grace_seconds: float) -> None:
        """Let calls within this process finish, and hang up on the others."""
        await self.registry.stop(grace_seconds)
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    def _open(self, caller: str, callee: str, faults: Faults | None) -> Channel:
        home = self._topology.home_of(callee)
        if home.name != self._plan.name:
            return RemoteChannel(str(home.grpc), self._secret, faults, caller=caller, observer=_observe)
        if not self._over_the_wire:
            return InProcessChannel(self.registry, faults, caller=caller, observer=_observe)
        address = str(self._plan.grpc) if self._plan.grpc else f"{LOOPBACK}:{self._own_port()}"
        return RemoteChannel(address, self._secret, faults, caller=caller, observer=_observe)

    def _probe(self, home: ProcessPlan) -> RemoteChannel:
        """Beside the others, without faults on purpose. To one address they all share a connection."""
        probe = RemoteChannel(str(home.grpc), self._secret)
        self._channels["probe", home.name] = probe
        return probe

    def _own_port(self) -> int:
        assert self._server is not None, "open() comes before the first channel"
        return self._server.port


def _observe(caller: str, method: str, code: grpc.StatusCode, seconds: float) -> None:
    callee = _CALLEE.get(method.partition("/")[0], "")
    metrics.RPC_CALLS.labels(caller, callee, method, code.name).inc()
    metrics.RPC_SECONDS.labels(callee, method).observe(seconds)
