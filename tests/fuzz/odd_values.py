"""Values that something may stumble over."""

HUGE = 130_000  # characters; more than one argument of a program may have


class Raw(str):
    """Text that is written into JSON as it is."""

    __slots__ = ()


NUMBERS = (
    *(
        0,
        -1,
        1,
        2,
        0.5,
        -0.0,
        255,
        256,
        65535,
        65536,
        2**31 - 1,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        -(2**63),
    ),
    *(1e-300, 1e15, 1e16, 1e100, 1e308, -1e308),
    *map(
        Raw,
        ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000, "-" + "9" * 5000, "1" + "0" * 4300),
    ),
    *map(Raw, ("1e-999", "0." + "1" * 5000, "01", "1.", "+1", "0x10", "1e1000000000")),
)
TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "a\nb",
        "\r\n",
        "\x1b[2J\x1b]0;x\x07",
        "\u202e",
        "\ufeff",
        "\u2028",
        "\x7f",
        "\x85",
        "é" * 200,
    ),
    *(
        "/",
        "..",
        "../..",
        "/..",
        "a/../b",
        "~",
        "%2F",
        "%00",
        "%s%n",
        "{}",
        "${HOME}",
        "$(id)",
        "`id`",
        "'",
        '"',
        "\\",
        "-x",
    ),
    *(
        "0",
        "-1",
        "1e999",
        "nan",
        "inf",
        "٣",
        "٣" * 20,
        "9" * 5000,
        "true",
        "null",
        "unlimited",
        "64mb",
        "9" * 400 + "gb",
        "*",
    ),
    *(
        "(a+)+$",
        "(" * 200,
        "[",
        "a{1000}{1000}",
        "(?P<n>a)(?P=n)",
        "\\",
        "host",
        "HOST",
        "ﬀ",
        "\u0131",
        "K",
        "ß",
        "\U0001f600" * 50,
    ),
    *("x" * 300, "x" * 70_000, "x" * HUGE, "\x1b" * HUGE, "a/" * 5000, "é" * HUGE, "\\" * HUGE, '"' * HUGE),
    *map(Raw, ('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\x"', '"\t"')),
)
NESTED = tuple(
    Raw(text)
    for depth in (10, 120, 300, 1100, 100_000)
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth)
)
OTHERS = (None, True, False, [], {}, [[]], [{}], [None], {"": None}, {"value": None}, ["a", "a"], {"a": {"a": {}}})
