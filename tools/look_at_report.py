"""Open a run's report in a real browser, try it, and take pictures of it.

    python -m tools.look_at_report REPORT.html FOLDER [--browser PROGRAM]

It wants a Chromium (Debian's package `chromium`; `CHROMIUM` or --browser names another program).
The pictures, into FOLDER: the page on a desk, light and dark, and on a phone. Exit code 1 if the
page asks for anything but itself, says an error on its console, is wider than a phone, or does
not do what its script is for; 2 if there is no browser.
"""

import argparse
import asyncio
import base64
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

START_S = 20
DESK, PHONE = (1280, 900), (390, 844)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars", "--remote-debugging-port=0")
ERRORS = ("Runtime.exceptionThrown", "Log.entryAdded")
# What a click on the middle of the first plot, a drag over it and the slider must have done.
PROBE = """(() => {
  const text = (id) => document.getElementById(id).textContent;
  const moved = (name, x, y, buttons) => new PointerEvent(name, {
    clientX: x, clientY: y, buttons, button: name === "pointermove" ? -1 : 0,
    pointerType: "mouse", bubbles: true, cancelable: true});
  const plot = [...document.querySelectorAll(".plots .row:not(.lane) svg.data")][0];
  plot.scrollIntoView({block: "center"});
  const box = plot.getBoundingClientRect(), y = box.top + box.height / 2;
  const send = (name, share, buttons) =>
    plot.dispatchEvent(moved(name, box.left + box.width * share, y, buttons));
  send("pointermove", 0.5, 0);
  const said = [text("now"), document.querySelector(".now").textContent];
  send("pointerdown", 0.25, 1); send("pointermove", 0.75, 1); send("pointerup", 0.75, 0);
  const zoomed = plot.getAttribute("viewBox");
  document.querySelector('[data-zoom="all"]').click();
  const slider = document.getElementById("map-slider"), before = text("map-time");
  slider.value = 1;
  slider.dispatchEvent(new Event("input"));
  return {said, zoomed, whole: plot.getAttribute("viewBox"), moved: text("map-time") !== before,
          hasMap: document.querySelectorAll("#nodes > g").length > 0};
})()"""


class Browser:
    """A headless Chromium with one page, spoken to by its DevTools protocol."""

    def __init__(self, program: str, profile: Path) -> None:
        self._profile = profile
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    async def __aenter__(self) -> "Browser":
        port = await self._port()
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json") as answer:
            pages = [each for each in await answer.json() if each["type"] == "page"]
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"],
                                                      max_msg_size=0)
        for domain in ("Runtime", "Log", "Page", "Network"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._session.close()
        self._process.terminate()
        self._process.wait()

    async def _port(self) -> int:
        file = self._profile / "DevToolsActivePort"
        for _ in range(START_S * 10):
            if file.exists() and (lines := file.read_text().split()):
                return int(lines[0])
            await asyncio.sleep(0.1)
        raise SystemExit("look: the browser did not start")

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a method; what comes meanwhile is kept in `events`."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                return message.get("result", {})
            self.events.append(message)

    async def evaluate(self, code: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=code, returnByValue=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"look: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def open(self, url: str, size: tuple[int, int], *, is_dark: bool = False) -> None:
        width, height = size
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                        deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])
        await self.call("Page.navigate", url=url)
        while await self.evaluate("document.readyState") != "complete":
            await asyncio.sleep(0.1)

    async def picture(self, file: Path) -> None:
        taken = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(taken["data"]))


async def look(program: str, report: Path, folder: Path) -> list[str]:
    """Return what is wrong with a report."""
    url = report.resolve().as_uri()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with Browser(program, Path(profile)) as browser:
            wrong = []
            for name, size, is_dark in (("desk", DESK, False), ("dark", DESK, True),
                                        ("phone", PHONE, False)):
                await browser.open(url, size, is_dark=is_dark)
                await browser.picture(folder / f"{name}.png")
                width = await browser.evaluate("document.documentElement.scrollWidth")
                if width > size[0]:
                    wrong.append(f"{width} pixels wide on a {name} of {size[0]}")
            await browser.open(url, DESK)
            wrong += misbehaviour(await browser.evaluate(PROBE))
            wrong += complaints(browser.events, url)
    return wrong


def misbehaviour(seen: dict[str, Any]) -> list[str]:
    """Return what the page's script did not do."""
    wrong = []
    if not all(seen["said"]):
        wrong.append(f"says nothing under the pointer: {seen['said']}")
    if seen["zoomed"] == seen["whole"]:
        wrong.append("a drag over a plot does not look closer")
    if seen["hasMap"] and not seen["moved"]:
        wrong.append("the slider does not move the map")
    return wrong


def complaints(events: list[dict[str, Any]], url: str) -> list[str]:
    """Return what the browser complained of, and what the page asked for besides itself."""
    wrong = []
    for event in events:
        if event["method"] in ERRORS:
            told = event["params"].get("entry") or event["params"]["exceptionDetails"]
            wrong.append(f"{told['text']} (line {told.get('lineNumber')})")
    asked = [event["params"]["request"]["url"] for event in events
             if event["method"] == "Network.requestWillBeSent"]
    wrong += [f"asks for {each}" for each in asked if each != url]
    return list(dict.fromkeys(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--browser", default=os.environ.get("CHROMIUM", "chromium"))
    options = parser.parse_args()
    program = shutil.which(options.browser)
    if program is None:
        print(f"look: no browser {options.browser}; Debian's package chromium has one")
        return 2
    options.folder.mkdir(parents=True, exist_ok=True)
    wrong = asyncio.run(look(program, options.report, options.folder))
    for each in wrong:
        print(f"look: {each}")
    print(f"look: {len(wrong)} things wrong; pictures in {options.folder}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
