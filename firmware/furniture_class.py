"""Which class is a board's furniture."""


def furniture_class(name):
    """Return the class of the furniture "lamp", "bin" or "parking"."""
    # Imported here, so that an image holds its own furniture only.
    if name == "lamp":
        from firmware.furniture.lamp import Furniture
    elif name == "bin":
        from firmware.furniture.bin import Furniture
    else:
        from firmware.furniture.parking import Furniture
    return Furniture
