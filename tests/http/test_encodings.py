"""Content codings, against RFC 9110, section 12.5.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.http.encodings import IDENTITY_BY_DEFAULT, choose, parse_accept_encoding, quality

CHROMIUM = "gzip, deflate, br, zstd"
AVAILABLE = ("br", "zstd", "gzip")


@pytest.mark.parametrize(
    ("value", "weights"),
    [
        pytest.param(CHROMIUM, {"gzip": 1, "deflate": 1, "br": 1, "zstd": 1}, id="chromium"),
        pytest.param("gzip;q=1.0, identity; q=0.5, *;q=0", {"gzip": 1, "identity": 0.5, "*": 0}, id="rfc"),
        pytest.param("BR;Q=0.5", {"br": 0.5}, id="capitals"),
        pytest.param("x-gzip;q=0.3, X-Compress", {"gzip": 0.3, "compress": 1}, id="aliases"),
        pytest.param("br \t;\t q=0.123", {"br": 0.123}, id="white-space"),
        pytest.param("br;q=0", {"br": 0}, id="zero"),
        pytest.param("br;q=0.", {"br": 0}, id="zero-point"),
        pytest.param("br;q=1.000", {"br": 1}, id="one"),
        pytest.param("br, br;q=0", {"br": 0}, id="last-of-two"),
        pytest.param("", {}, id="empty"),
        pytest.param(" ,, ", {}, id="empty-members"),
        pytest.param("br;q=2, gzip", {"gzip": 1}, id="weight-above-1"),
        pytest.param("br;q=1.001, gzip", {"gzip": 1}, id="weight-slightly-above-1"),
        pytest.param("br;q=-1, gzip", {"gzip": 1}, id="negative"),
        pytest.param("br;q=0.1234, gzip", {"gzip": 1}, id="four-digits"),
        pytest.param("br;q=nan, zstd;q=inf, gzip", {"gzip": 1}, id="not-numbers"),
        pytest.param("br;q=, gzip", {"gzip": 1}, id="no-number"),
        pytest.param("br;q = 1, gzip", {"gzip": 1}, id="white-space-around-the-equals-sign"),
        pytest.param("br;level=3, gzip", {"gzip": 1}, id="other-parameter"),
        pytest.param("br gzip, zstd", {"zstd": 1}, id="no-comma"),
        pytest.param("br;q=\u0660, gzip", {"gzip": 1}, id="digits-of-another-script"),
        pytest.param('"br", gzip', {"gzip": 1}, id="quotes"),
    ],
)
def test_codings_are_read_with_their_weights(value: str, weights: dict[str, float]) -> None:
    assert parse_accept_encoding(value) == weights


@pytest.mark.parametrize(
    ("accept", "coding", "expected"),
    [
        pytest.param(None, "br", 1, id="absent-accepts-anything"),
        pytest.param(None, "identity", 1, id="absent-accepts-identity"),
        pytest.param("", "br", 0, id="empty-accepts-no-coding"),
        pytest.param("", "identity", IDENTITY_BY_DEFAULT, id="empty-accepts-identity"),
        pytest.param("gzip", "br", 0, id="not-listed"),
        pytest.param("gzip", "identity", IDENTITY_BY_DEFAULT, id="identity-by-default"),
        pytest.param("br;q=0", "br", 0, id="refused"),
        pytest.param("*;q=0.5", "br", 0.5, id="any"),
        pytest.param("*;q=0.5, br;q=0", "br", 0, id="entry-before-any"),
        pytest.param("*;q=0", "identity", 0, id="any-excludes-identity"),
        pytest.param("*;q=0, identity;q=0.1", "identity", 0.1, id="entry-saves-identity"),
        pytest.param("identity;q=0", "identity", 0, id="identity-excluded"),
        pytest.param("xbr, brx", "br", 0, id="part-of-a-name"),
    ],
)
def test_the_quality_of_a_coding_is_what_the_standard_says(
    accept: str | None, coding: str, expected: float
) -> None:
    assert quality(accept, coding) == expected


@pytest.mark.parametrize(
    ("accept", "available", "expected"),
    [
        pytest.param(CHROMIUM, AVAILABLE, "br", id="chromium-gets-the-first"),
        pytest.param("gzip, deflate", AVAILABLE, "gzip", id="plain-http-firefox"),
        pytest.param(None, AVAILABLE, "identity", id="curl-does-not-ask"),
        pytest.param("", AVAILABLE, "identity", id="empty"),
        pytest.param("identity", AVAILABLE, "identity", id="chromium-with-range"),
        pytest.param("br;q=0, gzip;q=0.2", AVAILABLE, "gzip", id="refused-is-not-a-part-of-the-text"),
        pytest.param("br;q=0", AVAILABLE, "identity", id="only-a-refusal"),
        pytest.param("br;q=0.4, gzip;q=0.6", AVAILABLE, "gzip", id="highest-weight"),
        pytest.param("gzip, zstd, br", ("zstd", "br"), "zstd", id="order-of-the-server-breaks-a-tie"),
        pytest.param("identity;q=1, br;q=0.5", AVAILABLE, "identity", id="identity-wanted-more"),
        pytest.param("identity, br", AVAILABLE, "br", id="identity-wanted-as-much"),
        pytest.param("br;q=0.001", AVAILABLE, "br", id="identity-unnamed-is-wanted-less"),
        pytest.param("*", AVAILABLE, "br", id="any"),
        pytest.param("*, br;q=0", AVAILABLE, "zstd", id="any-but"),
        pytest.param("identity;q=0", AVAILABLE, "identity", id="nothing-fits"),
        pytest.param("identity;q=0, gzip;q=0.1", AVAILABLE, "gzip", id="identity-excluded"),
        pytest.param("*;q=0", AVAILABLE, "identity", id="nothing-is-acceptable"),
        pytest.param("x-gzip", ("gzip",), "gzip", id="alias"),
        pytest.param(CHROMIUM, (), "identity", id="nothing-available"),
        pytest.param("\x00;;,=", AVAILABLE, "identity", id="garbage"),
    ],
)
def test_the_best_available_coding_is_chosen(
    accept: str | None, available: tuple[str, ...], expected: str
) -> None:
    assert choose(accept, available) == expected


members = st.builds(
    "{}{}".format,
    st.sampled_from(["br", "gzip", "zstd", "identity", "*", "x-gzip", "deflate"]),
    st.sampled_from(["", ";q=0", ";q=0.001", ";q=0.5", ";q=1", "; q=0.7", ";q=x"]),
)
accepts = st.one_of(st.lists(members, max_size=6).map(", ".join), st.text(max_size=30))
offers = st.permutations(AVAILABLE).flatmap(lambda codings: st.integers(0, 3).map(lambda n: codings[:n]))


@given(accepts, offers)
def test_a_chosen_coding_is_offered_acceptable_and_wanted_most(accept: str, available: list[str]) -> None:
    chosen = choose(accept, available)
    weights = [quality(accept, coding) for coding in available]
    if chosen == "identity":
        assert all(weight == 0 or weight < quality(accept, "identity") for weight in weights)
    else:
        assert quality(accept, chosen) == max(weights) >= quality(accept, "identity")
        assert max(weights) > 0
        assert available.index(chosen) == weights.index(max(weights))


@given(accepts)
def test_no_field_raises_and_weights_stay_between_0_and_1(accept: str) -> None:
    assert all(0 <= weight <= 1 for weight in parse_accept_encoding(accept).values())
