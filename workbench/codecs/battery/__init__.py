"""What every codec must do, as checks on a codec class: ours pass them, and so must a third party's.

    class ─▶ variants (default, each choice, each end of a range) ─▶ checks ─▶ findings

`check_codec` runs all of them; the tests run the same checks one by one. A check raises `CheckFailed` with
what was seen; any other exception that a codec lets out is a finding too.
"""

from workbench.codecs.battery.classes import find_class, known_as, variants
from workbench.codecs.battery.expect import CheckFailed
from workbench.codecs.battery.run import Check, Finding, check_codec, checks

__all__ = ["Check", "CheckFailed", "Finding", "check_codec", "checks", "find_class", "known_as", "variants"]
