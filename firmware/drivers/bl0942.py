"""Shanghai Belling BL0942 energy meter on a UART (datasheet V1.04).

The request 0x58 0xAA (read, address 0, all registers) is answered by 23 bytes, least significant
byte first: 0x55, I_RMS (3), V_RMS (3), I_FAST_RMS (3), WATT (3, signed), CF_CNT (3), FREQ (2), 0,
STATUS (1), 0, 0, checksum. The checksum is the complement of the sum of the command byte 0x58
and all bytes before it. With Vref = 1.218 V the registers are

    V_RMS = 73989 x V / Vref        I_RMS = 305978 x I / Vref       (V, I in mV at the pins)
    WATT = 3537 x I x V x cos / Vref**2       FREQ = 1 MHz / f
    one CF_CNT is 1638.4 x 256 s x WATT

The scale below is that of the datasheet's circuit: 1 mOhm shunt, divider 5 x 390 kOhm over 510
Ohm. UART: 4800 baud 8N1 (9600 with SCLK_BPS high); an answer takes 50 ms at 4800 baud.

Tested against traces made from the datasheet; not yet run on the chip.
"""

from firmware.hardware import MeterReading

REQUEST = b"\x58\xaa"
PACKET_SIZE = 23
HEAD = 0x55
CLOCK_MHZ = 1000000 * 1000

# Register counts per 1000 V, 1000 A and 1000 W in the datasheet's circuit.
COUNTS_PER_KV = 15883519
COUNTS_PER_KA = 251213465
COUNTS_PER_KW = 623392
WATT_SECONDS_PER_PULSE_X10 = 4194304
PULSES_WRAP = 1 << 24


class Bl0942:
    """`uart` has read() -> bytes or None and write(bytes); `errors` counts missing answers.

    `energy_wrap_mwh` is where the energy begins again at 0: CF_CNT has 24 bits, 3.1 MWh.
    """

    def __init__(self, uart):
        self.energy_wrap_mwh = _energy_mwh(PULSES_WRAP)
        self._uart = uart
        self._is_asked = False
        self.errors = 0

    def read(self):
        """Return the MeterReading that came since the last call, or None; ask for the next."""
        answer = self._uart.read()
        reading = None
        if self._is_asked:
            if is_packet(answer):
                reading = self._reading(answer)
            else:
                self.errors += 1
        self._uart.write(REQUEST)
        self._is_asked = True
        return reading

    def _reading(self, packet):
        voltage_mv = _unsigned(packet, 4) * 1000000 // COUNTS_PER_KV
        current_ma = _unsigned(packet, 1) * 1000000 // COUNTS_PER_KA
        watt = _unsigned(packet, 10)
        if watt & 0x800000:
            watt -= 1 << 24
        # Which way the current transformer was put in says nothing about a lamp.
        power_mw = abs(watt) * 1000000 // COUNTS_PER_KW
        period = packet[16] | packet[17] << 8
        return MeterReading(
            voltage_mv,
            current_ma,
            power_mw,
            CLOCK_MHZ // period if period else 0,
            _power_factor(power_mw, voltage_mv, current_ma),
            _energy_mwh(_unsigned(packet, 13)),
        )


def is_packet(answer):
    """Return whether `answer` is one whole packet with a right checksum."""
    if answer is None or len(answer) != PACKET_SIZE or answer[0] != HEAD:
        return False
    return (REQUEST[0] + sum(answer[:-1])) & 0xFF ^ 0xFF == answer[-1]


def _unsigned(packet, offset):
    return packet[offset] | packet[offset + 1] << 8 | packet[offset + 2] << 16


def _energy_mwh(pulses):
    return pulses * WATT_SECONDS_PER_PULSE_X10 * 100000 // (COUNTS_PER_KW * 3600)


def _power_factor(power_mw, voltage_mv, current_ma):
    apparent_mw = voltage_mv * current_ma // 1000
    return min(power_mw * 1000 // apparent_mw, 1000) if apparent_mw else 0
