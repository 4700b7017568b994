"""The page that lists a folder."""

from string import Template

import pytest

from fetchkit.files.listing import listing_page
from fetchkit.files.lookup import Entry

ROWS = Template("$title|$crumbs|$rows|$count")


def listed(*entries: Entry, segments: tuple[str, ...] = ()) -> str:
    return listing_page(segments, entries, ROWS).decode()


def file(name: str, size: int = 0, modified: float = 0) -> Entry:
    return Entry(name, folder=False, size=size, modified=modified)


def test_folders_come_first_and_names_are_sorted_without_regard_to_case() -> None:
    page = listed(file("b"), file("A"), file("C"), Entry("z", folder=True, size=4096, modified=0))
    assert [page.index(f">{name}<") for name in ("z/", "A", "b", "C")] == sorted(
        page.index(f">{name}<") for name in ("z/", "A", "b", "C")
    )


def test_a_row_shows_size_and_time() -> None:
    page = listed(file("app.wasm", size=1536, modified=1_700_000_000.5))
    assert "1.5 KiB" in page
    assert 'datetime="2023-11-14T22:13:20Z"' in page


def test_a_folder_shows_no_size() -> None:
    assert "KiB" not in listed(Entry("sub", folder=True, size=4096, modified=0))


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("a b", "./a%20b"),
        ("a?b#c%d", "./a%3Fb%23c%25d"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ('"><script>', "./%22%3E%3Cscript%3E"),
        ("\udcff", "./%FF"),
        ("//evil.example".replace("/", "\\"), "./%5C%5Cevil.example"),
    ],
)
def test_a_link_is_a_relative_reference_whatever_the_name(name: str, link: str) -> None:
    assert f'href="{link}"' in listed(file(name))


def test_a_name_is_shown_as_text_and_never_as_markup_or_template() -> None:
    page = listed(file("<b>$title&"), segments=("<i>",))
    assert "&lt;b&gt;$title&amp;" in page
    assert "<b>" not in page
    assert "<i>" not in page


def test_the_way_up_is_shown_below_the_root_only() -> None:
    assert "../" not in listed(file("a"))
    assert 'href="../"' in listed(file("a"), segments=("sub",))


def test_crumbs_lead_to_every_folder_above() -> None:
    crumbs = listed(segments=("a", "b")).split("|")[1]
    assert crumbs == '<a href="../../">/</a><a href="../">a/</a><a href="./">b/</a>'


@pytest.mark.parametrize(
    ("files", "folders", "count"),
    [(0, 0, "empty"), (1, 0, "1 file"), (2, 1, "2 files, 1 folder"), (0, 2, "2 folders")],
)
def test_what_is_listed_is_counted(files: int, folders: int, count: str) -> None:
    entries = [file(str(n)) for n in range(files)]
    entries += [Entry(f"d{n}", folder=True, size=0, modified=0) for n in range(folders)]
    assert listed(*entries).endswith(f"|{count}")


# XFS, Btrfs and tmpfs keep 64 bits of seconds; a broken clock or archive fills them.
@pytest.mark.parametrize("modified", [2.0**40, -(2.0**40), 2.0**62, -1.0, 253_402_300_800.0])
def test_a_time_beyond_the_calendar_does_not_break_the_page(modified: float) -> None:
    assert ">far.txt<" in listed(file("far.txt", modified=modified))
