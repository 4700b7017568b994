"""Media types: what a file is, from the suffix of its name alone.

The table is our own. Python's `mimetypes` also reads the operating system's, and there a registry entry of
Windows makes `.js` text/plain, which no browser starts a worker from, and many systems do not know `.wasm`,
which then cannot be compiled while it streams (WebAssembly Web API).
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = ["ASSET_SUFFIXES", "BINARY", "SIBLINGS", "is_asset", "media_type", "precompressed"]

BINARY = "application/octet-stream"
PLAIN = "text/plain; charset=utf-8"


def _each(suffixes: str, content_type: str) -> Iterable[tuple[str, str]]:
    return ((f".{suffix}", content_type) for suffix in suffixes.split())


_TYPES: Mapping[str, str] = MappingProxyType(
    dict(
        (
            # Pages and scripts. application/wasm takes no parameter: with one the browser refuses to stream.
            *_each("html htm", "text/html; charset=utf-8"),
            *_each("js mjs", "text/javascript; charset=utf-8"),  # RFC 9239
            *_each("css", "text/css; charset=utf-8"),
            *_each("wasm", "application/wasm"),
            *_each("json map", "application/json"),
            *_each("webmanifest", "application/manifest+json"),
            *_each("xhtml", "application/xhtml+xml"),
            *_each("xml", "application/xml"),
            *_each("wgsl", "text/wgsl; charset=utf-8"),
            # What builds of Emscripten, Unity, Unreal and Godot load beside the wasm.
            *_each("data mem pck bc unityweb bundle bin dat pak o a dwp", BINARY),
            *_each("symbols", PLAIN),
            # Texts, and the sources that source maps and DWARF name: the browser has to show them, not save
            # them. `.ts` is TypeScript here and not MPEG, for players do not look at the type of a segment.
            *_each("txt text log ini cfg conf toml yaml yml lock cmake mk sh diff patch", PLAIN),
            *_each("c cc cpp cxx c++ h hh hpp hxx h++ inc inl ipp tpp m mm s asm ll wat wast", PLAIN),
            *_each("rs go zig swift d nim cs java kt py lua rb pas ts tsx mts cts jsx", PLAIN),
            *_each("glsl vert frag comp geom hlsl metal", PLAIN),
            *_each("md", "text/markdown; charset=utf-8"),  # RFC 7763
            *_each("csv", "text/csv; charset=utf-8"),
            *_each("vtt", "text/vtt; charset=utf-8"),
            *_each("pdf", "application/pdf"),
            # Images and textures
            *_each("png", "image/png"),
            *_each("apng", "image/apng"),
            *_each("jpg jpeg", "image/jpeg"),
            *_each("gif", "image/gif"),
            *_each("webp", "image/webp"),
            *_each("avif", "image/avif"),
            *_each("svg", "image/svg+xml"),
            *_each("ico", "image/vnd.microsoft.icon"),
            *_each("bmp", "image/bmp"),
            *_each("tif tiff", "image/tiff"),
            *_each("ktx", "image/ktx"),
            *_each("ktx2", "image/ktx2"),
            *_each("dds tga exr hdr basis pvr astc", BINARY),
            # Sound and film
            *_each("mp3", "audio/mpeg"),
            *_each("ogg oga opus", "audio/ogg"),
            *_each("wav", "audio/wav"),
            *_each("flac", "audio/flac"),
            *_each("aac", "audio/aac"),
            *_each("m4a", "audio/mp4"),
            *_each("weba", "audio/webm"),
            *_each("mid midi", "audio/midi"),
            *_each("mp4 m4v", "video/mp4"),
            *_each("webm", "video/webm"),
            *_each("ogv", "video/ogg"),
            *_each("mov", "video/quicktime"),
            # Fonts, RFC 8081
            *_each("woff", "font/woff"),
            *_each("woff2", "font/woff2"),
            *_each("ttf", "font/ttf"),
            *_each("otf", "font/otf"),
            # Models
            *_each("glb", "model/gltf-binary"),
            *_each("gltf", "model/gltf+json"),
            *_each("obj", "model/obj"),
            *_each("mtl", "model/mtl"),
            *_each("stl", "model/stl"),
            *_each("fbx", BINARY),
            # Archives. `.br` has no registered type; `.svgz` without its coding is no image.
            *_each("zip", "application/zip"),
            *_each("gz tgz svgz", "application/gzip"),
            *_each("zst", "application/zstd"),
            *_each("br", BINARY),
            *_each("tar", "application/x-tar"),
            *_each("bz2", "application/x-bzip2"),
            *_each("xz", "application/x-xz"),
            *_each("7z", "application/x-7z-compressed"),
            *_each("iso img rom sqlite db whl", BINARY),
        )
    )
)

SIBLINGS: Mapping[str, str] = MappingProxyType({"br": ".br", "zstd": ".zst", "gzip": ".gz"})
"""Content coding to the suffix of a file compressed so, best compression first."""

ASSET_SUFFIXES = frozenset(_TYPES) - {".html", ".htm"}
"""Suffixes, lower-case and with their dot, of what a page loads and nobody navigates to."""

_CODINGS = {suffix: coding for coding, suffix in SIBLINGS.items()}

# What a build of Unity, Unreal, Godot or Emscripten writes compressed and its own loader then asks for by the
# compressed name, so that only Content-Encoding makes it usable. Everything else with such a suffix
# (`notes.txt.gz`, `archive.tar.gz`, `records.json.gz`) is a download that is meant to stay compressed.
_BUILD_SUFFIXES = (".js", ".mjs", ".wasm", ".data", ".mem", ".pck", ".symbols", ".symbols.json")


def media_type(name: str) -> str:
    """The value of Content-Type for a file of this name; `application/octet-stream` where it is unknown."""
    return _TYPES.get(_suffix(name), BINARY)


def is_asset(name: str) -> bool:
    """Whether a page that is missing under this name must not be answered with the HTML of an application.

    A `.wasm` that is answered with index.html fails far from its cause: "expected magic word 00 61 73 6d,
    found 3c 21 44 4f".
    """
    return _suffix(name) in ASSET_SUFFIXES


def precompressed(name: str) -> tuple[str, str] | None:
    """The inner name and the content coding of a compressed file that a web build links directly.

    `app.wasm.br` is `("app.wasm", "br")`: to be sent with the type of the inner name and with that
    Content-Encoding. None for every other name.
    """
    suffix = _suffix(name)
    inner = name[: len(name) - len(suffix)]
    coding = _CODINGS.get(suffix)
    return (inner, coding) if coding and inner.lower().endswith(_BUILD_SUFFIXES) else None


def _suffix(name: str) -> str:
    """From the last dot on, in lower case; empty where there is none."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot >= 0 else ""
