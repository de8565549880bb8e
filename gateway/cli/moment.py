"""Times as people type them: 2026-11-27, 2026-11-27T15:04, or 2h for two hours ago."""

import time
from datetime import datetime

import click

from gateway.cli.duration import Duration


class Moment(click.ParamType):
    """A click type: gives Unix milliseconds. A time without a zone is this machine's own."""

    name = "moment"

    def convert(self, value, parameter, context) -> int:
        if isinstance(value, int):
            return value
        try:
            return int(datetime.fromisoformat(value.strip()).timestamp() * 1000)
        except ValueError:
            pass
        try:
            ago_s = Duration(100 * 366 * 86_400).convert(value, parameter, context)
        except click.BadParameter:
            self.fail(f"{value!r} is no time; write 2026-11-27, 2026-11-27T15:04, or 2h for two "
                      "hours ago.", parameter, context)
        return int((time.time() - ago_s) * 1000)
