"""What a path means and what is answered about a file, as pure functions."""

import pytest
from multidict import CIMultiDict

from fetchkit.errors import BadRequestError, NotFoundError
from fetchkit.files.rules import Decision, FilePath, decide, falls_back, parse_path
from fetchkit.http.conditional import Validators
from fetchkit.http.ranges import ByteRange

MODIFIED = 1_700_000_000
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
VALIDATORS = Validators('"now"', MODIFIED)


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


@pytest.mark.parametrize(
    ("fields", "decision"),
    [
        pytest.param({}, Decision(200), id="nothing-asked"),
        pytest.param({"If-None-Match": '"now"'}, Decision(304), id="known-tag"),
        pytest.param({"If-None-Match": 'W/"now"'}, Decision(304), id="known-tag-weakly"),
        pytest.param({"If-None-Match": '"old"'}, Decision(200), id="other-tag"),
        pytest.param({"If-None-Match": "*"}, Decision(304), id="any-tag"),
        pytest.param({"If-Modified-Since": DATE}, Decision(304), id="not-modified-since"),
        pytest.param({"If-Modified-Since": EARLIER}, Decision(200), id="modified-since"),
        pytest.param(
            {"If-None-Match": '"old"', "If-Modified-Since": DATE},
            Decision(200),
            id="the-tag-outweighs-the-date",
        ),
        pytest.param({"If-Match": '"old"'}, Decision(412), id="if-match-fails"),
        pytest.param({"If-Match": 'W/"now"'}, Decision(412), id="if-match-is-strong"),
        pytest.param({"If-Match": '"now"'}, Decision(200), id="if-match-holds"),
        pytest.param({"If-Unmodified-Since": EARLIER}, Decision(412), id="if-unmodified-since-fails"),
        pytest.param({"If-Unmodified-Since": LATER}, Decision(200), id="if-unmodified-since-holds"),
        pytest.param(
            {"If-Match": '"old"', "If-None-Match": '"now"'}, Decision(412), id="412-goes-before-304"
        ),
        pytest.param({"Range": "bytes=0-1"}, Decision(206, (ByteRange(0, 1),)), id="range"),
        pytest.param({"Range": "bytes=99-"}, Decision(416), id="range-beyond"),
        pytest.param({"Range": "lines=0-1"}, Decision(200), id="other-unit"),
        pytest.param({"Range": "bytes=x"}, Decision(200), id="malformed-range"),
        pytest.param(
            {"Range": "bytes=0-1", "If-None-Match": '"now"'}, Decision(304), id="304-goes-before-206"
        ),
        pytest.param(
            {"Range": "bytes=99-", "If-None-Match": '"now"'}, Decision(304), id="304-goes-before-416"
        ),
        pytest.param({"Range": "bytes=99-", "If-Match": '"old"'}, Decision(412), id="412-goes-before-416"),
        pytest.param(
            {"Range": "bytes=0-1", "If-Range": '"now"'},
            Decision(206, (ByteRange(0, 1),)),
            id="if-range-holds",
        ),
        pytest.param({"Range": "bytes=0-1", "If-Range": '"old"'}, Decision(200), id="if-range-fails"),
        pytest.param({"Range": "bytes=0-1", "If-Range": 'W/"now"'}, Decision(200), id="if-range-is-strong"),
        pytest.param(
            {"Range": "bytes=99-", "If-Range": '"old"'}, Decision(200), id="if-range-fails-before-416"
        ),
        pytest.param(
            {"Range": "bytes=0-1", "If-Range": DATE}, Decision(206, (ByteRange(0, 1),)), id="if-range-by-date"
        ),
        pytest.param({"Range": "bytes=0-1", "If-Range": LATER}, Decision(200), id="if-range-date-is-exact"),
        pytest.param({"Range": "bytes=0-1", "If-Range": "yesterday"}, Decision(200), id="if-range-nonsense"),
        pytest.param({"If-Range": '"old"'}, Decision(200), id="if-range-without-range"),
    ],
)
def test_preconditions_are_evaluated_before_ranges(fields: dict[str, str], decision: Decision) -> None:
    assert decide("GET", CIMultiDict(fields), VALIDATORS, 10) == decision


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Range": "bytes=0-1"}, 200),
        ({"Range": "bytes=99-"}, 200),
        ({"Range": "bytes=0-1", "If-Range": '"now"'}, 200),
        ({"Range": "bytes=0-", "If-None-Match": '"now"'}, 304),
        ({"Range": "bytes=0-", "If-Match": '"old"'}, 412),
    ],
)
def test_head_ignores_range_and_keeps_preconditions(fields: dict[str, str], status: int) -> None:
    assert decide("HEAD", CIMultiDict(fields), VALIDATORS, 10) == Decision(status)


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
