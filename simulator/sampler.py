"""Looks at a run each virtual minute, and says how much there is of what could grow."""

from typing import TYPE_CHECKING

from simulator.happenings import Sampled, Tell

if TYPE_CHECKING:
    from simulator.simulation import Simulation

INTERVAL_S = 60.0


class Sampler:
    """Tells Sampled once a virtual minute, from start() on."""

    def __init__(self, run: "Simulation", tell: Tell) -> None:
        self._run = run
        self._tell = tell

    def start(self) -> None:
        """Look now, and from now on."""
        self._look()

    def _look(self) -> None:
        self._tell(Sampled(self._run.loop.now_us(), self.values()))
        self._run.loop.call_later(INTERVAL_S, self._look)

    def values(self) -> dict[str, float]:
        """Return what can be counted now, by name."""
        run = self._run
        lamps = run.world.lamps.values()
        values = {
            "nodes_running": sum(node.is_running for node in run.nodes.values()),
            "nodes_registered": sum(node.is_registered for node in run.nodes.values()),
            "lamps_lit": sum(lamp.permille > 0 for lamp in lamps),
            "light_power_w": sum(lamp.power_mw() for lamp in lamps) / 1000,
            "daylight_lux": run.world.daylight_lux(),
            "readings_taken": len(run.account.account.taken),
            "readings_delivered": len(run.account.account.delivered),
            "datagrams_under_way": run.network.under_way,
            "tasks": len(run.loop.tasks()),
        }
        for name, gateway in run.gateways.items():
            values |= {f"{what}/{name}": count for what, count in gateway.sample().items()}
        return values
