"""The node of a simulation: the firmware's own, that also tells what it was made to do."""

from collections.abc import Callable
from typing import Any

from firmware.node import Node
from protocol.coap_parameters import TransmissionParameters
from protocol.settings import Settings
from simulator.checks.obedience import deeds_of

OnObeyed = Callable[[str, str, Any], None]


class ObservedNode(Node):
    """Tells `on_obeyed(operation, path, value)` of each resource that was written or executed."""

    def __init__(self, board: Any, settings: Settings, parameters: TransmissionParameters,
                 on_obeyed: OnObeyed) -> None:
        super().__init__(board, settings, parameters)
        self._on_obeyed = on_obeyed

    def _respond(self, event: Any, now_ms: int) -> Any:
        response = super()._respond(event, now_ms)
        for operation, path, value in deeds_of(event.request, response):
            self._on_obeyed(operation, path, value)
        return response
