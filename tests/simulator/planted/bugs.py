"""The bugs of the simulator's own proof: each breaks one rule of the product on purpose.

No check knows one of them. What `search` needs today, by runs from seed 1 on: the override 2, the
clock step 4, each of the others 1.
"""

from firmware.furniture.override import Override
from firmware.journal import Journal
from gateway import store_packs
from gateway.commands import Commands
from gateway.reports import NodeReports
from gateway.uplinks.mqtt_readings import ReadingSender
from gateway.uplinks.pump import Pump
from protocol.coap_security import SecurityLayer
from tests.simulator.planted.plant import Bug

BUGS = (
    Bug("acknowledge before commit", "2.04 leaves after the commit",
        NodeReports._keep,
        """\
        result = await self._store.commit_pack(
            pack.rows,
            is_urgent,
            self._statement(session, pack, now_ms),
            self._payload(session, pack, request, now_ms),
        )
""", """\
        from gateway.rows import PackResult
        asyncio.ensure_future(self._store.commit_pack(
            pack.rows,
            is_urgent,
            self._statement(session, pack, now_ms),
            self._payload(session, pack, request, now_ms),
        )).add_done_callback(lambda done: done.cancelled() or done.exception())
        result = PackResult(len(pack.rows), 0)
"""),
    Bug("reuse a sequence number", "a number is given once, whether or not the flash took it",
        Journal._write,
        "if first:\n            self._last_sequence += count",
        "if first and not self.has_failed:\n            self._last_sequence += count"),
    Bug("forget a pending override at reset", "an override survives a reset with its end",
        Override.restore,
        "if saved is not None:", "if saved is not None and self._clock.unix_s() is not None:"),
    Bug("drop the last page of a backlog", "an uplink reads all that is behind its cursor",
        Pump.refill,
        "window.load(readings)",
        """\
if 20 < len(readings) < READ_MAX:
                window.last_read = readings[-1].id
            else:
                window.load(readings)"""),
    Bug("count a retransmission twice", "a reading that comes again is a duplicate",
        store_packs.commit,
        "wanted = [row for row in rows if _is_wanted(row, fresh)] if repeated else rows",
        "from msgspec.structs import replace\n"
        "    wanted = [row if _is_wanted(row, fresh) else replace(row, sequence=None)\n"
        "              for row in rows]"),
    Bug("lose the alarm when the queue is full", "alarms are given up last",
        Journal._shed,
        "for lane in reversed(lanes):", "for lane in lanes:"),
    Bug("skip the Echo check", "after a boot a request is challenged",
        SecurityLayer._take_request,
        "if coap.option(inner.options, coap.ECHO) != self._echo:", "if False:"),
    Bug("let a clock step move a deadline", "commands expire by uptime",
        Commands.expire,
        "if entry.deadline_ms <= now_ms and",
        "if min(entry.deadline_ms - now_ms, entry.row.expires_ms - unix_ms) <= 0 and"),
    Bug("move a cursor on send", "a cursor moves on the back end's acknowledgement",
        ReadingSender._send,
        "    self._publish(self._under_way.add(window, pack, self._pump.epoch), publication)",
        """    sent = self._under_way.add(window, pack, self._pump.epoch)
    self._publish(sent, publication)
    self._under_way.remove(sent)
    self._pump.delivered(window, pack)"""),
)

EVERY_RUN = tuple(bug for bug in BUGS if bug.name == "skip the Echo check")
"""Those that `make test` plants; `make prove` plants all."""
RUNS_MAX = 6
"""Within so many runs of the bad night each is found."""
