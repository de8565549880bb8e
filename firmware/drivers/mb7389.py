"""MaxBotix MB7389 HRXL-MaxSonar-WRMT ultrasonic rangefinder on a UART (datasheet PD11500).

IP67, 1 mm resolution, 300 to 5000 mm. While its supply is on it ranges 6.67 times a second and
sends each result as "R", four digits, carriage return: 9600 baud 8N1, TTL levels. 0300 is that
or nearer, 5000 is no target. After power-up it sends lines of text before the first result.

Tested against traces made from the datasheet; not yet run on the sensor.
"""

FRAME_SIZE = 6
NO_TARGET_MM = 5000
BUFFER_MAX = 64
RETURN = 13


class Mb7389:
    """`uart` has read() -> bytes or None; `supply` has value(1) to switch the sensor on.

    `errors` counts bytes that are no result.
    """

    def __init__(self, uart, supply):
        self._uart = uart
        self._supply = supply
        self._buffer = b""
        self._is_on = False
        self.errors = 0

    def measure_mm(self):
        """Return the latest distance sent since the last call; None for none, or no target.

        The first call after switch_off() switches the sensor on: a result comes some 350 ms later.
        """
        if not self._is_on:
            self._supply.value(1)
            self._is_on = True
            # Whatever the line did while the sensor was dark.
            self._uart.read()
            return None
        self._buffer = (self._buffer + (self._uart.read() or b""))[-BUFFER_MAX:]
        distance_mm = self._take_frames()
        return None if distance_mm == NO_TARGET_MM else distance_mm

    def switch_off(self):
        """Cut the sensor's supply until the next measure_mm()."""
        self._supply.value(0)
        self._is_on = False
        self._buffer = b""

    def _take_frames(self):
        """Return the distance of the last whole frame and keep what follows it."""
        distance_mm = None
        while True:
            end = self._buffer.find(b"\r")
            if end < 0:
                return distance_mm
            line = self._buffer[:end]
            self._buffer = self._buffer[end + 1:]
            frame = line[-(FRAME_SIZE - 1):]
            if len(frame) == FRAME_SIZE - 1 and frame[:1] == b"R" and frame[1:].isdigit():
                distance_mm = int(frame[1:])
            else:
                self.errors += 1
