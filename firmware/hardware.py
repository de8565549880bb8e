"""What a node asks of its board: duck-typed, documented here, with no base class to inherit.

A board is any object with these attributes. A role that the board lacks is None. Sensor calls
return at once: a driver whose chip needs time starts a measurement and gives the last one.

    name, model, hardware_version   str
    mac                             6 bytes, the base MAC address
    furniture                       "lamp", "bin" or "parking"
    random_bytes(n)                 n unpredictable bytes
    aes(key, data, is_chained)      AES-128 over whole blocks, as protocol.aes_ccm wants it
    store.read(key)                 bytes or None; keys are short ASCII names
    store.write(key, data)          whole and durable when it returns; up to STORE_ENTRY_MAX bytes
    store.append(key, data)         behind what is there; durable when it returns, and only then
                                    sure to be there as a whole
    store.remove(key)               nothing if there is none
    store.keys(prefix)              list of the keys that begin so
    journal_segments                how many segments of readings the store may hold, 4 or more
    journal_writes_per_hour         how often the journal may write, so that the flash lasts, and
    journal_writes_burst            how often at once
    energy_save_interval_s          lamps: how often the counters are saved, up to 900
    reset_cause                     "power", "watchdog", "software", "brownout" or "deepsleep"
    reset()                         does not return on a real board
    watchdog.feed()
    radio.bearer                    number of OMA object 4, resource 0 (21 = WLAN, 41 = Ethernet)
    radio.rssi_dbm()                int or None
    radio.link_quality()            int or None
    radio.ip_addresses()            tuple of str, () while there is none
    radio.router_addresses()        tuple of str
    rtc_unix_s()                    optional: a battery-backed clock's Unix time, or None
    dimmer.set_level(permille)      0 is off; the electrical default without a call is full
    meter.read()                    MeterReading or None
    meter.energy_wrap_mwh           optional: where its energy begins again at 0
    photocell.read_lux()            int or None
    motion.is_present()             bool
    rangefinder.measure_mm()        int or None
    accelerometer.read_mg()         (x, y, z) or None
    thermometer.read_centicelsius() int or None
    loops                           tuple, one per bay: read_hz() -> int or None
    battery.read_mv()               int or None; the attribute is None on mains nodes
"""

STORE_ENTRY_MAX = 4096


class MeterReading:
    """What a meter chip measured; `energy_mwh` counts since the chip started."""

    _fields = ("voltage_mv", "current_ma", "active_power_mw", "frequency_mhz",
               "power_factor_permille", "energy_mwh")

    def __init__(self, voltage_mv, current_ma, active_power_mw, frequency_mhz,
                 power_factor_permille, energy_mwh):
        self.voltage_mv = voltage_mv
        self.current_ma = current_ma
        self.active_power_mw = active_power_mw
        self.frequency_mhz = frequency_mhz
        self.power_factor_permille = power_factor_permille
        self.energy_mwh = energy_mwh
