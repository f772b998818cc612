"""ShellCheck's rules by weight, and the comments that silence it; hadolint runs them as well."""

import re
from functools import cache
from typing import Final

from reviewer.analyzers._linter import Grade
from reviewer.model import Category, Confidence, Severity

BROKEN: Final = tuple(
    (
        "1017 1037 1066 1068 1086 1087 1128 "
        "2066 2067 2070 2072 2077 2078 2079 2081 2104 2107 2108 2109 2110 2114 2122 2144 2151 2152 "
        "2157 2158 2159 2168 2170 2199 2201 2203 2224 2225 2241 2242 2255 2259 2260 2261 2270 2272 "
        "2273 2274 2275 2276 2281 2282 2283 2284 2285 2286 2287 2289 2290 2296 2297 2298 2299 2300 "
        "2301"
    ).split()
)
"""Rules for commands that fail, or do the opposite of what they say, when they run."""

UNPARSED: Final = tuple("1070 1072 1088 1089".split())
"""Rules for code that cannot be parsed. Code for a shell's own oddities is among it."""

LIKELY: Final = tuple(
    (
        "1018 1044 1045 1075 1082 1095 1097 1099 1100 1115 1118 1127 "
        "2024 2027 2033 2036 2037 2041 2042 2043 2044 2045 2048 2049 2050 2051 2053 2054 2055 2056 "
        "2057 2058 2061 2062 2063 2065 2068 2069 2071 2073 2074 2075 2076 2080 2082 2083 2084 2088 "
        "2089 2090 2091 2092 2093 2095 2097 2098 2099 2100 2101 2105 2106 2115 2118 2123 2127 2128 "
        "2140 2141 2142 2146 2150 2163 2164 2165 2167 2171 2173 2179 2180 2183 2184 2190 2193 2194 "
        "2195 2198 2200 2202 2204 2205 2208 2210 2211 2213 2214 2215 2216 2217 2218 2222 2227 2229 "
        "2232 2238 2239 2245 2246 2247 2252 2253 2256 2257 2264 2265 2266 2271 2288 2294 2309 2318 "
        "2319 2320 2324 2327 2328 2332 2333 2334"
    ).split()
)
"""Rules for commands that seldom mean what they say."""

BASHISMS: Final = tuple(
    "3001 3005 3006 3008 3009 3010 3011 3014 3015 3016 3020 3024 3030 3053 3054 3057 3060".split()
)
"""Rules for what bash has and dash, the sh of Debian and Ubuntu, refuses to run."""

UNQUOTED: Final = ("2046", "2086")
"""Rules for values that the shell splits and expands once more; where one is lenient, notes."""

INSECURE: Final = ("2156",)
"""Rules for file names that are run as code."""

DEFAULT: Final = (*BROKEN, *UNPARSED, *LIKELY, *BASHISMS, *UNQUOTED, *INSECURE)

LEFT_OUT: Final = ("1107",)
"""Never asked for: an unknown directive, which is what spoiling a directive leaves."""

URL: Final = "https://www.shellcheck.net/wiki/SC{}"

DIRECTIVE: Final = re.compile(rb"#[^\n]*?shellcheck[^\n]*")
"""A comment for ShellCheck (shellcheck(1), "Directives"); a little more fits than it obeys."""

SILENCING: Final = re.compile(rb"(?P<key>disable|extended-analysis)(?==(?P<value>[^ \t\r\n]*))")
NAMES: Final = re.compile(rb"""["']?(?:SC)?[0-9]+(?:,(?:SC)?[0-9]+)*["']?""", re.IGNORECASE)


def spoilt(data: bytes) -> bytes:
    """The script without directives that silence ShellCheck, line by line as long as before."""
    return DIRECTIVE.sub(lambda line: SILENCING.sub(_reversed, line[0]), data)


def named_only(data: bytes) -> bytes:
    """The script without such directives, but for those that name rules one by one."""
    return DIRECTIVE.sub(lambda line: SILENCING.sub(_reversed_unless_named, line[0]), data)


def _reversed(found: re.Match[bytes]) -> bytes:
    return found["key"][::-1]


def _reversed_unless_named(found: re.Match[bytes]) -> bytes:
    named = found["key"] == b"disable" and NAMES.fullmatch(found["value"])
    return found["key"] if named else _reversed(found)


@cache
def weight(code: str, level: str, *, lenient: bool) -> Grade:
    """The weight of a rule, named by its number; `level` is ShellCheck's own word for it."""
    if code in BROKEN:
        return Grade(Severity.ERROR, Confidence.HIGH, Category.CORRECTNESS)
    if code in INSECURE:
        return Grade(Severity.WARNING, Confidence.HIGH, Category.SECURITY)
    if code in UNQUOTED:
        severity = Severity.NOTE if lenient else Severity.WARNING
        return Grade(severity, Confidence.MEDIUM, Category.CORRECTNESS)
    if code in (*UNPARSED, *LIKELY, *BASHISMS):
        return Grade(Severity.WARNING, Confidence.MEDIUM, Category.CORRECTNESS)
    if level in ("error", "warning"):
        return Grade(Severity.NOTE, Confidence.MEDIUM, Category.CORRECTNESS)
    return Grade(Severity.NOTE, Confidence.MEDIUM, Category.STYLE)
