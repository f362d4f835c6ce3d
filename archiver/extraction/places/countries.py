"""Rough bounds of countries, enough to distinguish latitude from longitude if a page names its region."""

from __future__ import annotations

from dataclasses import dataclass

# ISO 3166-1 code: south, west, north, east, in whole degrees that contain the country (its mainland, if it has parts
# far away).
_BOUNDS = """
AE 22 51 27 57; AF 29 60 39 75; AL 39 19 43 22; AR -56 -74 -21 -53; AT 46 9 50 18; AU -44 112 -10 154; AZ 38 44 42 51
BA 42 15 46 20; BD 20 88 27 93; BE 49 2 52 7; BG 41 22 45 29; BO -23 -70 -9 -57; BR -34 -74 6 -34; BY 51 23 57 33
CA 41 -142 84 -52; CH 45 5 48 11; CL -56 -76 -17 -66; CN 18 73 54 135; CO -5 -80 13 -66; CU 19 -85 24 -74
CY 34 32 36 35; CZ 48 12 52 19; DE 47 5 56 16; DK 54 8 58 16; DZ 18 -9 38 12; EC -6 -82 2 -75; EE 57 21 60 29
EG 21 24 32 37; ES 27 -19 44 5; ET 3 32 15 48; FI 59 19 71 32; FR 41 -6 52 10; GB 49 -9 61 2; GE 41 39 44 47
GH 4 -4 12 2; GR 34 19 42 30; HR 42 13 47 20; HU 45 16 49 23; ID -12 95 7 142; IE 51 -11 56 -5; IL 29 34 34 36
IN 6 68 36 98; IQ 29 38 38 49; IR 25 44 40 64; IS 63 -25 67 -13; IT 35 6 48 19; JO 29 34 34 40; JP 24 122 46 154
KE -5 33 6 42; KH 10 102 15 108; KR 33 124 39 132; KW 28 46 31 49; KZ 40 46 56 88; LA 13 100 23 108; LB 33 35 35 37
LK 5 79 10 82; LT 53 20 57 27; LU 49 5 51 7; LV 55 20 59 29; MA 27 -14 36 0; MD 45 26 49 31; MM 9 92 29 102
MX 14 -119 33 -86; MY 0 99 8 120; NG 4 2 14 15; NL 50 3 54 8; NO 57 4 72 32; NP 26 80 31 89; NZ -48 166 -34 179
PE -19 -82 0 -68; PH 4 116 22 127; PK 23 60 38 78; PL 48 14 55 25; PS 31 34 33 36; PT 30 -32 43 -6; QA 24 50 27 52
RO 43 20 49 30; RS 42 18 47 24; RU 41 19 82 180; SA 16 34 33 56; SE 55 10 70 25; SG 1 103 2 105; SI 45 13 47 17
SK 47 16 50 23; SY 32 35 38 43; TH 5 97 21 106; TN 30 7 38 12; TR 35 25 43 45; TW 21 118 27 123; UA 44 22 53 41
US 18 -180 72 -66; UY -35 -59 -30 -53; UZ 37 55 46 74; VE 0 -74 13 -59; VN 8 102 24 110; YE 12 41 19 55
ZA -35 16 -22 33
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A box in degrees."""

    south: int
    west: int
    north: int
    east: int

    def holds(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


BOUNDS: dict[str, Bounds] = {}
for _row in _BOUNDS.replace("\n", ";").split(";"):
    if _row.strip():
        _code, *_degrees = _row.split()
        BOUNDS[_code] = Bounds(*map(int, _degrees))


def is_turned(latitude: float, longitude: float, region: str) -> bool:
    """Whether a position is in the region's country only if its numbers are swapped. `region`: ISO 3166, "DE-BE"."""
    bounds = BOUNDS.get(region[:2].upper()) if len(region) == 2 or region[2:3] in ("-", "_") else None
    return bounds is not None and not bounds.holds(latitude, longitude) and bounds.holds(longitude, latitude)
