"""HTML elements that escape whatever they are given, so that no text can become markup."""

from html import escape
from typing import Self

_VOID = frozenset(("meta", "input", "br", "hr"))


class Html(str):
    """Text that is markup already."""

    __slots__ = ()

    @classmethod
    def of(cls, *parts: str) -> Self:
        """Return the parts one after the other, with what is not markup escaped."""
        return cls("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Html:
    """Return an element; attributes that are None are left out.

    `class_` is class, `data_time` is data-time. Text is escaped, Html is taken as it is.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{Html.of(*children)}</{name}>")


def joined(parts: list[Html], between: str = "") -> Html:
    """Return markup one after the other."""
    return Html(Html.of(between).join(parts))
