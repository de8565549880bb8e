"""What a salvage found, took over and lost."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """What became of a damaged store. Lost rows are those that left a trace; a table's number of
    rows is otherwise unknown."""

    reason: str
    version: int = 0  # of the schema
    pages: int = 0
    unreadable_pages: int = 0
    is_log_damaged: bool = False
    taken: dict[str, int] = field(default_factory=dict)  # rows by table
    lost: dict[str, int] = field(default_factory=dict)
    lost_readings: list[dict] = field(default_factory=list)  # endpoint, boot, sequences, ids
    lost_delivered: int = 0  # readings that every uplink had: they cannot be replayed any more
    traceless_readings: int = 0  # at most so many more have been here
    is_epoch_new: bool = False
    failure: str = ""  # why nothing could be taken over: a bug of the salvage itself

    def summary(self) -> str:
        """Return what happened, in a line."""
        rows = sum(self.taken.values())
        lost = self.lost.get("readings", 0)
        traceless = self.traceless_readings
        more = f", and up to {traceless} without a trace" if traceless else ""
        if self.failure:
            more += f"; the salvage failed: {self.failure}"
        return (f"{self.reason}; {rows} rows taken over, of them {self.taken.get('readings', 0)} "
                f"readings; {lost} readings are known to be lost{more}")
