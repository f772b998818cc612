# Line 0 of the licence: permission is hereby granted (to anybody).
# Line 1 of the licence: permission is hereby granted (to anybody).
# Line 2 of the licence: permission is hereby granted (to anybody).
# Line 3 of the licence: permission is hereby granted (to anybody).
# Line 4 of the licence: permission is hereby granted (to anybody).
# Line 5 of the licence: permission is hereby granted (to anybody).
# Line 6 of the licence: permission is hereby granted (to anybody).
# Line 7 of the licence: permission is hereby granted (to anybody).
# Line 8 of the licence: permission is hereby granted (to anybody).
# Line 9 of the licence: permission is hereby granted (to anybody).
# Line 10 of the licence: permission is hereby granted (to anybody).
# Line 11 of the licence: permission is hereby granted (to anybody).
# Line 12 of the licence: permission is hereby granted (to anybody).
# Line 13 of the licence: permission is hereby granted (to anybody).
# Line 14 of the licence: permission is hereby granted (to anybody).
# Line 15 of the licence: permission is hereby granted (to anybody).
# Line 16 of the licence: permission is hereby granted (to anybody).
# Line 17 of the licence: permission is hereby granted (to anybody).
# Line 18 of the licence: permission is hereby granted (to anybody).
# Line 19 of the licence: permission is hereby granted (to anybody).
# Line 20 of the licence: permission is hereby granted (to anybody).
# Line 21 of the licence: permission is hereby granted (to anybody).
# Line 22 of the licence: permission is hereby granted (to anybody).
# Line 23 of the licence: permission is hereby granted (to anybody).
# Line 24 of the licence: permission is hereby granted (to anybody).
from project.registry import (
    name_0,
    name_1,
    name_2,
    name_3,
    name_4,
    name_5,
    name_6,
    name_7,
    name_8,
    name_9,
    name_10,
    name_11,
    name_12,
    name_13,
    name_14,
    name_15,
    name_16,
    name_17,
    name_18,
    name_19,
    name_20,
    name_21,
    name_22,
    name_23,
    name_24,
)
import os
import sys


REGIONS = {
    "AX": ("A", 0, True),
    "AY": ("A", 1, True),
    "AZ": ("A", 2, True),
    "AK": ("A", 3, True),
    "AL": ("A", 4, True),
    "BX": ("B", 5, True),
    "BY": ("B", 6, True),
    "BZ": ("B", 7, True),
    "BK": ("B", 8, True),
    "BL": ("B", 9, True),
    "CX": ("C", 10, True),
    "CY": ("C", 11, True),
    "CZ": ("C", 12, True),
    "CK": ("C", 13, True),
    "CL": ("C", 14, True),
    "DX": ("D", 15, True),
    "DY": ("D", 16, True),
    "DZ": ("D", 17, True),
    "DK": ("D", 18, True),
    "DL": ("D", 19, True),
    "EX": ("E", 20, True),
    "EY": ("E", 21, True),
    "EZ": ("E", 22, True),
    "EK": ("E", 23, True),
    "EL": ("E", 24, True),
    "FX": ("F", 25, True),
    "FY": ("F", 26, True),
    "FZ": ("F", 27, True),
    "FK": ("F", 28, True),
    "FL": ("F", 29, True),
}


from dataclasses import dataclass


@dataclass
class Two:
    alpha: int = 0
    beta: int = 0
    gamma: int = 0
    delta: int = 0
    epsilon: int = 0
    zeta: int = 0
    eta: int = 0
    theta: int = 0
    iota: int = 0
    kappa: int = 0
    lambda_: int = 0
    mu: int = 0
    nu: int = 0
    xi: int = 0


class Second:
    @property
    def alpha(self):
        return self._alpha

    @property
    def beta(self):
        return self._beta

    @property
    def gamma(self):
        return self._gamma

    @property
    def delta(self):
        return self._delta

    @property
    def epsilon(self):
        return self._epsilon

    @property
    def zeta(self):
        return self._zeta

    @property
    def eta(self):
        return self._eta

    @property
    def theta(self):
        return self._theta

    @property
    def iota(self):
        return self._iota

    @property
    def kappa(self):
        return self._kappa


def two(
    self,
    alpha: Optional[str] = None,
    beta: Optional[str] = None,
    gamma: Optional[str] = None,
    delta: Optional[str] = None,
    epsilon: Optional[str] = None,
    zeta: Optional[str] = None,
    eta: Optional[str] = None,
    theta: Optional[str] = None,
    iota: Optional[str] = None,
    kappa: Optional[str] = None,
    lambda_: Optional[str] = None,
    mu: Optional[str] = None,
    nu: Optional[str] = None,
    xi: Optional[str] = None,
    *,
    strict: bool = False,
    **rest: Any,
) -> Result:
    self.check(strict)
    return Result(rest)


def arguments(parser):
    parser.add_argument("--alpha", help="alpha", default=None, type=int)
    parser.add_argument("--beta", help="beta", default=None, type=int)
    parser.add_argument("--gamma", help="gamma", default=None, type=int)
    parser.add_argument("--delta", help="delta", default=None, type=int)
    parser.add_argument("--epsilon", help="epsilon", default=None, type=int)
    parser.add_argument("--zeta", help="zeta", default=None, type=int)
    parser.add_argument("--eta", help="eta", default=None, type=int)
    parser.add_argument("--theta", help="theta", default=None, type=int)
    parser.add_argument("--iota", help="iota", default=None, type=int)
    parser.add_argument("--kappa", help="kappa", default=None, type=int)
    parser.add_argument("--lambda", help="lambda", default=None, type=int)
    parser.add_argument("--mu", help="mu", default=None, type=int)
    parser.add_argument("--nu", help="nu", default=None, type=int)
    parser.add_argument("--xi", help="xi", default=None, type=int)
