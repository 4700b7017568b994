"""What a path means, as pure functions."""

import pytest
from multidict import CIMultiDict

from fetchkit.errors import BadRequestError, NotFoundError
from fetchkit.files.rules import FilePath, falls_back, parse_path


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        pytest.param("/", (), id="root"),
        pytest.param("/app.js", ("app.js",), id="file"),
        pytest.param("/a/b/c", ("a", "b", "c"), id="nested"),
        pytest.param("//a///b", ("a", "b"), id="empty-segments-are-merged"),
        pytest.param("//etc/passwd", ("etc", "passwd"), id="two-slashes-are-no-absolute-path"),
        pytest.param("/a%20b", ("a b",), id="space"),
        pytest.param("/a+b", ("a+b",), id="plus-is-a-plus"),
        pytest.param("/a%3Fb%23c", ("a?b#c",), id="question-mark-and-hash"),
        pytest.param("/100%25", ("100%",), id="per-cent"),
        pytest.param("/%252e%252e/x", ("%2e%2e", "x"), id="decoded-once"),
        pytest.param("/%252fetc", ("%2fetc",), id="encoded-slash-decoded-once"),
        pytest.param("/%e4%b8%ad", ("中",), id="utf-8"),
        pytest.param("/中", ("中",), id="raw-utf-8"),
        pytest.param("/%ff", ("\udcff",), id="not-utf-8"),
        pytest.param("/\udcff", ("\udcff",), id="raw-not-utf-8"),
        pytest.param("/%c0%ae%c0%ae/x", ("\udcc0\udcae\udcc0\udcae", "x"), id="overlong-dots-stay-bytes"),
        pytest.param("/..%c0%af", ("..\udcc0\udcaf",), id="overlong-slash-stays-bytes"),
        pytest.param("/\uff0e\uff0e/x", ("\uff0e\uff0e", "x"), id="full-width-dots-are-no-dots"),
        pytest.param("/a\u2215b", ("a\u2215b",), id="division-slash-is-no-slash"),
        pytest.param("/.../x", ("...", "x"), id="three-dots-are-a-name"),
        pytest.param("/..a", ("..a",), id="dots-before-a-name"),
        pytest.param("/C:/x", ("C:", "x"), id="drive-letter-is-a-name-on-posix"),
        pytest.param("/nul", ("nul",), id="device-is-a-name-on-posix"),
        pytest.param("/a.", ("a.",), id="trailing-dot-on-posix"),
    ],
)
def test_a_path_is_split_and_decoded_once(raw: str, segments: tuple[str, ...]) -> None:
    assert parse_path(raw, windows=False) == FilePath(segments, folder=raw.endswith("/"))


ESCAPES = [
    pytest.param("/..", id="parent"),
    pytest.param("/../secret", id="parent-first"),
    pytest.param("/a/../../secret", id="parent-inside"),
    pytest.param("/.", id="itself"),
    pytest.param("/./a", id="itself-first"),
    pytest.param("/%2e%2e/secret", id="encoded-dots"),
    pytest.param("/%2E%2e/secret", id="encoded-dots-mixed-case"),
    pytest.param("/.%2e/secret", id="half-encoded-dots"),
    pytest.param("/%2e%2e%2fsecret", id="encoded-dots-and-slash"),
    pytest.param("/..%2fsecret", id="encoded-slash"),
    pytest.param("/..%2Fsecret", id="encoded-slash-upper-case"),
    pytest.param("/..%5csecret", id="encoded-backslash"),
    pytest.param("/..\\secret", id="backslash"),
    pytest.param("/a\\b", id="backslash-in-a-name"),
    pytest.param("/\\evil.example", id="backslash-first"),
    pytest.param("/%5c%5chost%5cshare", id="unc-path"),
    pytest.param("/%2fetc%2fpasswd", id="encoded-absolute-path"),
    pytest.param("/%00", id="nul"),
    pytest.param("/app.js%00.png", id="nul-in-a-name"),
    pytest.param("/app.js\0", id="raw-nul"),
]


@pytest.mark.parametrize("windows", [False, True], ids=["posix", "windows"])
@pytest.mark.parametrize("raw", ESCAPES)
def test_a_segment_that_could_leave_the_folder_names_nothing(raw: str, windows: bool) -> None:
    with pytest.raises(NotFoundError):
        parse_path(raw, windows=windows)


# As os.path.isreserved of Python 3.13 has them, after Microsoft's "Naming Files, Paths, and Namespaces".
@pytest.mark.parametrize(
    "name",
    [
        *("con", "CON", "prn", "aux", "nul", "NUL.txt", "nul.tar.gz", "com0", "com1", "COM9.log", "lpt1"),
        *("LPT9", "com¹", "lpt³.x", "conin$", "CONOUT$", "aux.c"),
        *("nul .txt", "com1 .tar.gz"),  # spaces before the suffix are dropped as well
        *("C:", "c:windows", "app.js:stream", "app.js::$DATA", "a:b"),
        *("app.js.", "app.js ", "app.js. .", "...", " "),
    ],
)
def test_a_name_that_windows_reads_otherwise_names_nothing_there(name: str) -> None:
    with pytest.raises(NotFoundError):
        parse_path(f"/sub/{name}", windows=True)


@pytest.mark.parametrize(
    "name", ["console.js", "nullable.wasm", "auxiliary", "com10", "com", "lpt", "icon", "a.con", "con-1"]
)
def test_a_name_that_only_resembles_a_device_is_a_name_on_windows(name: str) -> None:
    assert parse_path(f"/{name}", windows=True).segments == (name,)


@pytest.mark.parametrize("raw", ["/%", "/a%", "/%2", "/%zz", "/%%20", "/%2/e", "/%u0041", "/a/%-1/b"])
def test_a_per_cent_without_two_hexadecimal_digits_is_a_bad_request(raw: str) -> None:
    with pytest.raises(BadRequestError):
        parse_path(raw)


@pytest.mark.parametrize(
    ("raw", "hidden"),
    [
        ("/.git/config", True),
        ("/sub/.env", True),
        ("/%2egit/config", True),
        ("/.well-known/security.txt", False),
        ("/.well-known/.secret", True),
        ("/.well-knownx", True),
        ("/..a", True),
        ("/a.b", False),
        ("/", False),
    ],
)
def test_a_segment_that_begins_with_a_dot_hides_the_path(raw: str, hidden: bool) -> None:
    assert parse_path(raw).hidden is hidden


NAVIGATION = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    ("raw", "fields", "falls"),
    [
        pytest.param("/settings/profile", NAVIGATION, True, id="navigation"),
        pytest.param("/settings", {"Accept": "text/html"}, True, id="old-browser"),
        pytest.param("/v1.2/users", NAVIGATION, True, id="dot-in-a-folder"),
        pytest.param("/about.html", NAVIGATION, True, id="page"),
        pytest.param("/", NAVIGATION, True, id="root"),
        pytest.param("/settings", {"Accept": "*/*", "Sec-Fetch-Mode": "cors"}, False, id="fetch"),
        pytest.param(
            "/settings", {"Accept": "text/html", "Sec-Fetch-Mode": "cors"}, False, id="fetch-of-html"
        ),
        pytest.param("/settings", {"Accept": "*/*"}, False, id="curl"),
        pytest.param("/settings", {}, False, id="no-accept"),
        *(
            pytest.param(f"/{name}", NAVIGATION, False, id=name)
            for name in ("app.wasm", "app.js", "app.data", "APP.WASM", "a/b/app.mjs", "app.wasm/", "app.mem")
        ),
        *(
            pytest.param(f"/{name}", NAVIGATION, False, id=name)
            for name in ("app.wasm.br", "app.js.gz", "app.wasm.map", "app.symbols", "a%2ewasm", "app.pck")
        ),
    ],
)
def test_only_a_navigation_to_no_asset_falls_back(raw: str, fields: dict[str, str], falls: bool) -> None:
    assert falls_back(parse_path(raw), CIMultiDict(fields)) is falls
