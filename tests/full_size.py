"""Whether tests run at full size: `make prove`, which asks Hypothesis for its profile "prove"."""

from hypothesis import settings


def is_full_size() -> bool:
    """Return whether these tests may take long; while pytest collects it is known already."""
    return settings.get_current_profile_name() == "prove"
