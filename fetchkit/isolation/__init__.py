"""COOP, COEP, CORP, CORS and nosniff: decided in one place, put onto every response.

`setup(app)` alone makes the pages of any aiohttp application cross-origin isolated.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.isolation.hook import add_zone, plan_of, setup
    from fetchkit.isolation.rules import Coep, Coop, Corp, HeaderPlan, IsolationException, Mode, Zone

__all__ = [
    "Coep",
    "Coop",
    "Corp",
    "HeaderPlan",
    "IsolationException",
    "Mode",
    "Zone",
    "add_zone",
    "plan_of",
    "setup",
]

_IN_HOOK = ("add_zone", "plan_of", "setup")
# The settings need the rules alone; aiohttp comes with the hook.
__getattr__ = loader(__name__, {name: "hook" if name in _IN_HOOK else "rules" for name in __all__})
