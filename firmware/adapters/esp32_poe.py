"""What the boards on an Olimex ESP32-POE share: its wired network, through a LAN8720A.

Not yet run on a chip.
"""

import network
from machine import Pin

from firmware.adapters.esp32 import Esp32, Ethernet

PHY_MDC = 23
PHY_MDIO = 18
PHY_POWER = 12
PHY_CLOCK = 17


class Esp32Poe(Esp32):
    """An Esp32 whose radio is a cable; a board's main adds its name and roles.

    `connect` comes last: the outputs are what a street needs first.
    """

    def connect(self):
        """Switch the network on; the address comes later."""
        # The chip gives the PHY its clock.
        self.radio = Ethernet(
            mdc=Pin(PHY_MDC), mdio=Pin(PHY_MDIO), power=Pin(PHY_POWER),
            phy_type=network.PHY_LAN8720, phy_addr=0,
            ref_clk=Pin(PHY_CLOCK), ref_clk_mode=Pin.OUT)
