"""COOP, COEP, CORP, CORS and nosniff: decided in one place, put onto every response.

`setup(app)` alone makes the pages of any aiohttp application cross-origin isolated.
"""

from fetchkit.isolation.hook import add_zone, plan_of, setup
from fetchkit.isolation.rules import (
    Coep,
    Coop,
    Corp,
    HeaderPlan,
    IsolationException,
    Mode,
    Zone,
)

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
