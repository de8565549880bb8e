"""Which level the lamp shall have: one pure function, so that promise 3 can be read and tested.

Maintenance lock, then override, then schedule, then photocell, astronomical clock, and full on.
"""

FULL = 100


def is_dark(is_switched, photocell_dark, sun_up):
    """Return whether it is night, None if nothing knows; the last two may be None.

    On a switched circuit there is power at night only: the cabinet has decided, and a clock that
    a server set wrongly cannot darken a street.
    """
    if is_switched:
        return True
    if photocell_dark is not None:
        return photocell_dark
    return None if sun_up is None else not sun_up


def decide(held, override, schedule, dark, boost, default, is_sun_ignored=False):
    """Return the level 0 to 100; `held`, `override`, `schedule` and `boost` are levels or None.

    `held` is that of a maintenance lock, `dark` comes from is_dark(), `default` is 3416/4. Motion
    raises what runs by itself, in the dark: also a lamp that a schedule put out for the night.
    `is_sun_ignored`: a schedule's 0 is not believed, since the cabinet gives power although the
    sun, by this node's clock, is up.
    """
    if held is not None:
        return held
    if override is not None:
        return override
    if schedule is not None and not (is_sun_ignored and schedule == 0):
        level = schedule
    elif dark is None:
        return FULL
    else:
        level = default if dark else 0
    if boost is not None and boost > level and dark is not False:
        return boost
    return level
