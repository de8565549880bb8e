"""Connectivity Monitoring, object 4 (OMA Core E.5)."""

from firmware.lwm2m_object import LwM2MObject


class ConnectivityMonitoring(LwM2MObject):
    """Object 4, as the board's radio tells; link quality only where the radio knows it."""

    object_id = 4

    def __init__(self, radio):
        self._radio = radio

    def resource_ids(self, instance_id):
        return (0, 1, 2, 4, 5) if self._radio.link_quality() is None else (0, 1, 2, 3, 4, 5)

    def read(self, instance_id, resource_id):
        radio = self._radio
        if resource_id == 0:
            return radio.bearer
        if resource_id == 1:
            return {0: radio.bearer}
        if resource_id == 2:
            # Mandatory, also where there is no radio.
            return radio.rssi_dbm() or 0
        if resource_id == 3:
            return radio.link_quality() or 0
        return _numbered(radio.ip_addresses() if resource_id == 4 else radio.router_addresses())


def _numbered(texts):
    values = {}
    for text in texts or ():
        values[len(values)] = text
    return values
