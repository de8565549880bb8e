"""What a run shows while it goes on and when it ends, on a terminal and elsewhere."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from io import StringIO

from rich.console import Console

from simulator import run_screen
from simulator.account import Tally
from simulator.fault import Fault, FaultKind
from simulator.result import Check, FirstFailure, Result, Score
from simulator.run_screen import RunPicture, RunScreen

EVENING = datetime(2026, 11, 12, 18, 10, tzinfo=timezone(timedelta(hours=1)))
PICTURE = RunPicture(9600, 21600, 4, EVENING, 1060, 1058, 1234, 1200)
KILL = Fault(9600.0, FaultKind.GATEWAY_KILL, "gateway-1", 20.0)
RESULT = Result("street", 7, 60, 21600, 12.5, 60, Tally(1234, 1230, 0, 4, 0, 0), 100, 2, 9000,
                "oscore", (), (Check("order kept", True, ""), Check("no lamp dark", True, "")),
                "ab" * 32, replay="faubourg-sim run street --seed 7")


def drawn(picture: RunPicture, width=100) -> str:
    console = Console(width=width, record=True, file=StringIO())
    console.print(run_screen.draw("street", picture))
    return console.export_text()


def test_a_line_has_time_date_speed_nodes_readings_and_faults():
    assert run_screen.line(PICTURE) == (
        " 44 %  Thu 12 Nov 2026 18:10  2,400x  1,058 of 1,060 nodes registered; readings: "
        "1,234 taken, 1,200 delivered; no fault")
    assert run_screen.line(replace(PICTURE, faults=(KILL,))).endswith("; gateway kill (gateway-1)")


def test_many_faults_are_counted_and_not_listed():
    assert run_screen.line(replace(PICTURE, faults=(KILL,) * 9)).endswith("), 5 more")


def test_after_its_time_a_run_is_draining():
    assert run_screen.line(replace(PICTURE, virtual_s=21700)).startswith("draining  Thu")


def test_a_check_that_has_failed_is_shown_while_the_run_goes_on():
    failed = replace(PICTURE, failed=("order kept",))
    assert "FAILED: order kept" in run_screen.line(failed)
    assert "order kept" in drawn(failed) and "order kept" not in drawn(PICTURE)


def test_the_picture_fits_a_narrow_terminal():
    text = drawn(replace(PICTURE, faults=(KILL,) * 9), width=79)
    assert max(map(len, text.splitlines())) <= 79 and "18:10" in text


def test_a_run_without_a_terminal_says_a_line_now_and_then(capsys):
    with RunScreen("street, seed 7") as screen:
        screen.show(PICTURE)
        screen.show(PICTURE)
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines()[0] == "street, seed 7"
    assert len(said.err.splitlines()) == 2


def test_the_end_of_a_good_run_says_what_was_counted(capsys):
    scores = (Score("bays right", 99.2, "%", "12 of 12 bays"),)
    run_screen.print_end(replace(RESULT, scores=scores), False)
    said = capsys.readouterr().out
    assert "Passed: 1,234 readings taken, 1,230 delivered, none missing" in said
    assert "60 nodes for 6h in 12.5 s (seed 7)" in said
    assert "     bays right  99.2 %  12 of 12 bays\n" in said
    assert "Security: OSCORE." in said and "Replay" not in said and "FAIL" not in said


def test_the_end_of_a_failed_run_names_the_first_failure_and_the_command(capsys):
    bad = Check("order [kept]", False, "00:10:00.000 lamp 7: [red]late")
    first = FirstFailure("order [kept]", 600_000_000, "lamp 7", "late", "ReadingDelivered(...)")
    run_screen.print_end(
        replace(RESULT, checks=(*RESULT.checks, bad), failures=(first,)), True)
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == "FAIL order [kept] (00:10:00.000 lamp 7: [red]late)"
    assert "FAILED: order [kept]. 60 nodes" in said.err
    assert lines[-2:] == ["First seen in: ReadingDelivered(...)",
                          "Replay: faubourg-sim run street --seed 7"]
