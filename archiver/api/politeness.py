"""What a host allows: which addresses may be connected to, how fast, and what its responses say about their use. Pure.
For imports, fleets and datasets.
"""

from __future__ import annotations

from archiver.politeness.licence_place import PLACES_OF_OTHERS
from archiver.politeness.network_address_policy import AddressZone, check_before_requests, permission_for, zone_of_host
from archiver.politeness.robots import statements_of_headers, statements_of_page
from archiver.politeness.throttle import Throttle

__all__ = [
    "PLACES_OF_OTHERS",
    "AddressZone",
    "Throttle",
    "check_before_requests",
    "permission_for",
    "statements_of_headers",
    "statements_of_page",
    "zone_of_host",
]
