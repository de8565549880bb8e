"""Energy of a battery node by its board's figures: an estimate, never a measurement."""

from dataclasses import dataclass

HOUR_S = 3600
DAY_S = 86400
YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a report costs and how long the battery lasts."""

    awake_ms_per_report: float
    mwh_per_report: float
    mah_per_day: float
    years: float


def estimate(energy: dict, measure_interval_s: int, awake_window_s: int) -> Estimate:
    """Return the estimate for the table `energy` of a board.toml and two of the node's settings.

    A report period holds one report and its share of looks and measurements:

        charge = report_ms x report_ma + awake_window x awake_window_ma
               + looks x look_ms x look_ma + measurements x measure_ms x measure_ma
               + the whole period x sleep_ua
        energy per report = charge x voltage
        years = capacity x usable share / charge per day

    The usable share covers self-discharge, cold and what is left at the cut-off voltage.
    """
    period_s = energy["report_interval_s"]
    looks = period_s / energy["look_interval_s"]
    measurements = period_s / measure_interval_s
    awake_ms = (energy["report_ms"] + awake_window_s * 1000
                + looks * energy["look_ms"] + measurements * energy["measure_ms"])
    charge_mas = (
        energy["report_ms"] / 1000 * energy["report_ma"]
        + awake_window_s * energy["awake_window_ma"]
        + looks * energy["look_ms"] / 1000 * energy["look_ma"]
        + measurements * energy["measure_ms"] / 1000 * energy["measure_ma"]
        + period_s * energy["sleep_ua"] / 1000)
    charge_mah = charge_mas / HOUR_S
    mah_per_day = charge_mah * DAY_S / period_s
    usable_mah = energy["capacity_mah"] * energy["usable_percent"] / 100
    return Estimate(
        awake_ms_per_report=awake_ms,
        mwh_per_report=charge_mah * energy["voltage_mv"] / 1000,
        mah_per_day=mah_per_day,
        years=usable_mah / mah_per_day / YEAR_DAYS,
    )
