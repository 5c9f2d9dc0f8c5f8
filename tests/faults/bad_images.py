"""A corpus of good, odd, damaged and hostile image files, and what reading each must give.

Run as a script it reads a corpus (argument: its folder) and writes a line of JSON a file, so
that a crash, a hang or a swollen memory is that of a process of its own.
"""

import io
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
import zlib
from pathlib import Path

import numpy as np

HEIGHT, WIDTH = 40, 36  # OpenJPEG writes nothing smaller than 32
SECONDS_A_FILE = 10
N_CUTS, N_FLIPS = 30, 32

RIGHT = "right"
REFUSED = "refused"
RIGHT_OR_REFUSED = "right or refused"
ANYTHING = "anything"  # pixels without a checksum may be wrong; a crash or a hang may not


class Corpus:
    """Files and expectations; pixels to compare with are kept by name."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.cases = []

    def add(self, name, data, expect, like=None, reason=""):
        path = self.folder / f"{len(self.cases):05d} {name}"
        if data is not None:
            path.write_bytes(data)
        self.cases.append(
            {"path": str(path), "expect": expect, "like": like, "reason": reason, "name": name}
        )
        return path


def smooth_image():
    """Colours that lossy formats keep to within a few steps."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    channels = [40 + 4 * y, 60 + 5 * x, 220 - 2 * y - 2 * x]
    return np.stack(channels, axis=2).astype(np.uint8)


# ---------------------------------------------------------------- well-formed files


def encoded(pixels, ending, *parameters):
    import cv2

    order = [2, 1, 0, 3][: pixels.shape[2]] if pixels.ndim == 3 else ...
    done, data = cv2.imencode(
        ending, pixels[..., order] if pixels.ndim == 3 else pixels, parameters
    )
    assert done, ending
    return data.tobytes()


def by_pillow(pixels, kind, mode=None, **options):
    from PIL import Image

    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
    if mode:
        image = image.convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def by_tifffile(pixels, **options):
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def well_formed():
    """Name, bytes, RGB pixels, largest difference allowed."""
    import cv2
    from PIL import Image

    rgb = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    smooth = smooth_image()
    grey = rgb[..., 0]
    grey3 = np.repeat(grey[..., None], 3, axis=2)
    deep = rgb.astype(np.uint16) * 257
    palette = Image.fromarray(smooth).quantize(32)
    palette_rgb = np.asarray(palette.convert("RGB"))
    opaque = np.dstack([rgb, np.full((HEIGHT, WIDTH), 255, np.uint8)])
    black_white = np.where(grey[..., None] > 127, 255, 0).repeat(3, 2).astype(np.uint8)
    yield "bmp", encoded(rgb, ".bmp"), rgb, 0
    yield "bmp 8 bit palette", by_pillow(palette, "BMP"), palette_rgb, 0
    yield "bmp 8 bit grey", by_pillow(grey, "BMP"), grey3, 0
    yield "bmp top down", bmp_top_down(rgb), rgb, 0
    yield "bmp 138 byte header", bmp_long_header(rgb), rgb, 0
    yield "png", encoded(rgb, ".png"), rgb, 0
    yield "png grey", encoded(grey, ".png"), grey3, 0
    yield "png 16 bit", encoded(deep, ".png"), rgb, 0
    yield "png 16 bit grey", encoded(deep[..., 0], ".png"), grey3, 0
    yield "png opaque alpha", encoded(opaque, ".png"), rgb, 0
    yield "png palette", by_pillow(palette, "PNG"), palette_rgb, 0
    one_bit = Image.fromarray(black_white[..., 0]).convert("1")
    yield "png 1 bit", by_pillow(one_bit, "PNG"), black_white, 0
    yield "jpeg", encoded(smooth, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 98), smooth, 8
    yield (
        "jpeg grey",
        by_pillow(smooth[..., 0], "JPEG", quality=98),
        np.repeat(smooth[..., :1], 3, 2),
        8,
    )
    yield "jpeg progressive", by_pillow(smooth, "JPEG", quality=98, progressive=True), smooth, 8
    yield "jpeg restarts", by_pillow(smooth, "JPEG", quality=98, restart_marker_rows=1), smooth, 8
    yield "tiff", by_tifffile(rgb, photometric="rgb"), rgb, 0
    yield "tiff lzw", by_pillow(rgb, "TIFF", compression="tiff_lzw"), rgb, 0
    yield "tiff deflate", by_pillow(rgb, "TIFF", compression="tiff_adobe_deflate"), rgb, 0
    yield "tiff 16 bit", by_tifffile(deep, photometric="rgb"), rgb, 0
    yield "tiff big endian", by_tifffile(rgb, photometric="rgb", byteorder=">"), rgb, 0
    yield "tiff tiled", by_tifffile(rgb, photometric="rgb", tile=(32, 32)), rgb, 0
    opaque_tiff = by_tifffile(opaque, photometric="rgb", extrasamples=["unassalpha"])
    yield "tiff opaque alpha", opaque_tiff, rgb, 0
    yield "webp lossless", encoded(rgb, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101), rgb, 0
    yield "webp lossy", by_pillow(smooth, "WEBP", quality=95), smooth, 24
    yield "jp2", encoded(rgb, ".jp2", cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000), rgb, 0
    yield "ppm", encoded(rgb, ".ppm"), rgb, 0
    yield "pgm", encoded(grey, ".pgm"), grey3, 0
    yield "ppm text", pnm_text(rgb), rgb, 0
    yield "ppm with a comment", encoded(rgb, ".ppm").replace(b"P6\n", b"P6\n# a cell\n"), rgb, 0


def bmp_top_down(rgb):
    data = bytearray(encoded(rgb[::-1], ".bmp"))
    struct.pack_into("<i", data, 22, -rgb.shape[0])
    return bytes(data)


def bmp_long_header(rgb):
    plain = encoded(rgb, ".bmp")
    pixels = plain[struct.unpack_from("<I", plain, 10)[0] :]
    info = bytearray(plain[14:54] + bytes(84))
    struct.pack_into("<I", info, 0, 124)
    start = struct.pack("<2sIHHI", b"BM", 138 + len(pixels), 0, 0, 138)
    return start + bytes(info) + pixels


def pnm_text(rgb):
    return (
        f"P3\n{rgb.shape[1]} {rgb.shape[0]}\n255\n".encode()
        + " ".join(str(v) for v in rgb.ravel()).encode()
        + b"\n"
    )


# ---------------------------------------------------------------- odd ones


def add_odd(corpus):
    """What is neither plain nor broken: each has one right answer."""
    from PIL import Image

    rgb = np.random.default_rng(6).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    smooth = smooth_image()
    real = rgb.astype(np.float32) / 255
    deep = rgb.astype(np.uint16)
    cmyk = Image.fromarray(smooth).convert("CMYK")
    pages = [Image.fromarray(rgb), Image.fromarray(rgb[::-1])]
    refused = {
        "cmyk.jpg": (by_pillow(cmyk, "JPEG"), "CMYK"),
        "cmyk.tif": (by_pillow(cmyk, "TIFF"), "CMYK"),
        "float32.tif": (by_tifffile(real, photometric="rgb"), "float32"),
        "float64.tif": (by_tifffile(real.astype(float), photometric="rgb"), "float64"),
        "signed.tif": (by_tifffile(rgb.astype(np.int16), photometric="rgb"), "int16"),
        "12 bits in 16.png": (encoded(deep * 16, ".png"), "12-bit"),
        "two pages.tif": (
            by_pillow(pages[0], "TIFF", save_all=True, append_images=pages[1:]),
            "pages",
        ),
        "animated.png": (
            by_pillow(pages[0], "PNG", save_all=True, append_images=pages[1:]),
            "animated",
        ),
        "animated.webp": (
            by_pillow(pages[0], "WEBP", save_all=True, append_images=pages[1:], lossless=True),
            "animated",
        ),
        "animated.gif": (
            by_pillow(pages[0], "GIF", save_all=True, append_images=pages[1:]),
            "not an image",
        ),
        "still.gif": (by_pillow(pages[0], "GIF"), "not an image"),
        "transparent.tif": (
            by_tifffile(
                np.dstack([rgb, rgb[..., 0]]), photometric="rgb", extrasamples=["unassalpha"]
            ),
            "transparent",
        ),
        "empty.png": (b"", "empty"),
        "text.bmp": (b"a,b,c\n1,2,3\n", "not an image"),
        "page.jpg": (b"<!DOCTYPE html><html></html>", "not an image"),
        "pickle.png": (b"\x80\x04\x95cos\nsystem\n", "not an image"),
        "vector.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        "sound.webp": (b"RIFF\x24\0\0\0WAVEfmt ", "not WebP"),
        "zip.tif": (b"PK\x03\x04" + bytes(60), "not an image"),
        "hdf.h5.png": (b"\x89HDF\r\n\x1a\n" + bytes(60), "not an image"),
        "only magic.png": (b"\x89PNG\r\n\x1a\n", "cut"),
        "only magic.jpg": (b"\xff\xd8", "cut"),
        "only magic.bmp": (b"BM", "cut"),
        "only magic.tif": (b"II*\0", "cut"),
        "tiff that points at itself.tif": (tiff_loop(), ""),
        "no pixels.ppm": (b"P6 0 0 255\n", "no pixels"),
        "no pixels.bmp": (bmp_header(0, 0), "no pixels"),
    }
    for name, (data, reason) in refused.items():
        corpus.add(name, data, REFUSED, reason=reason)
    for ending in ("png", "bmp", "tiff", "ppm", "webp"):
        lossless = () if ending != "webp" else (64, 101)
        for shape in ((1, 1), (1, 30000), (30000, 1)):
            if ending == "webp" and 30000 in shape:
                continue  # WebP ends at 16383
            pixels = np.random.default_rng(shape[0]).integers(0, 256, (*shape, 3), dtype=np.uint8)
            name = f"{shape[0]} x {shape[1]}.{ending}"
            add_right(corpus, name, encoded(pixels, f".{ending}", *lossless), pixels)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        turned = turn(smooth, orientation)
        for kind, options in (("JPEG", {"quality": 98}), ("WEBP", {"lossless": True})):
            data = by_pillow(smooth, kind, exif=exif, **options)
            add_right(corpus, f"turned {orientation}.{kind.lower()}", data, turned, 8)
    alpha = np.dstack([rgb, np.random.default_rng(7).integers(0, 256, rgb.shape[:2], np.uint8)])
    over_black = (rgb * alpha[..., 3:].astype(np.uint16) + 127) // 255
    for ending, parameters in (("png", ()), ("webp", (64, 101))):
        tolerance = 1 if ending == "webp" else 0
        data = encoded(alpha, f".{ending}", *parameters)
        # Lossless WebP may drop the colour under full transparency, which black hides.
        add_right(corpus, f"alpha.{ending}", data, over_black.astype(np.uint8), tolerance)


def turn(pixels, orientation):
    """What EXIF means by an orientation."""
    flips = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p.swapaxes(0, 1)[:, ::-1],
        7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
        8: lambda p: p.swapaxes(0, 1)[::-1],
    }
    return np.ascontiguousarray(flips[orientation](pixels))


def bmp_header(width, height, bits=24):
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + info


def tiff_loop():
    data = bytearray(by_tifffile(smooth_image(), photometric="rgb"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * entries, directory)
    return bytes(data)


# ---------------------------------------------------------------- bombs


def png_part(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width, height, data, *more, colour=2, bits=8):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [png_part(b"IHDR", header), *more, png_part(b"IDAT", data), png_part(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def add_bombs(corpus):
    """Small files that ask for much memory or time."""
    zeros = zlib.compress(bytes(1 << 22), 9)
    jpeg = bytearray(encoded(smooth_image(), ".jpg"))
    at = jpeg.index(b"\xff\xc0")
    struct.pack_into(">HH", jpeg, at + 5, 65500, 65500)
    tiff = bytearray(by_tifffile(smooth_image(), photometric="rgb"))
    for tag in (256, 257):
        place = tiff.index(struct.pack("<H", tag), struct.unpack_from("<I", tiff, 4)[0])
        struct.pack_into("<HHII", tiff, place, tag, 4, 1, 1 << 28)
    jp2 = bytearray(encoded(smooth_image(), ".jp2"))
    at = jp2.index(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", jp2, at + 8, 1 << 30, 1 << 30)
    webp = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xff\xff\xff" + b"\xff\xff\xff"
    for name, data in {
        "pixels.png": png_of(1 << 20, 1 << 20, zeros),
        "largest.png": png_of((1 << 31) - 1, (1 << 31) - 1, zeros),
        "wide.png": png_of(1 << 30, 1, zeros),
        "solid 20000 x 20000.png": png_of(20000, 20000, zeros),
        "jpeg 65500 x 65500.jpg": bytes(jpeg),
        "tiff.tif": bytes(tiff),
        "jpeg 2000.jp2": bytes(jp2),
        "canvas.webp": b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp,
        "numbers.ppm": b"P6 99999999 99999999 255\n" + bytes(99),
        "digits.ppm": b"P6 " + b"9" * 100_000 + b" 1 255\n",
        "text.ppm": b"P3 30000 30000 255\n" + b"1 " * 1000,
        "bits.pbm": b"P4 999999999 999999999\n" + bytes(99),
        "pixels.bmp": bmp_header(1 << 30, 1 << 30) + bytes(999),
        "negative.bmp": bmp_header(-(1 << 31), -(1 << 31)) + bytes(999),
        "rle.bmp": bmp_rle(1 << 20, 1 << 20),
    }.items():
        corpus.add("bomb " + name, data, REFUSED)
    rgb = smooth_image()
    raw = b"".join(b"\0" + row.tobytes() for row in rgb)
    megabytes = zlib.compress(bytes(1 << 27), 9)
    for name, part in {
        "text": png_part(b"zTXt", b"a\0\0" + megabytes),
        "profile": png_part(b"iCCP", b"a\0\0" + megabytes),
        "unknown part": png_part(b"abCd", bytes(1 << 20)),
    }.items():
        data = png_of(WIDTH, HEIGHT, zlib.compress(raw), part)
        add_right(corpus, f"bomb {name}.png", data, rgb, expect=RIGHT_OR_REFUSED)
    surplus = png_of(WIDTH, HEIGHT, zlib.compress(raw + bytes(1 << 27), 9))
    add_right(corpus, "bomb more than announced.png", surplus, rgb, expect=RIGHT_OR_REFUSED)
    corpus.add("bomb scans.jpg", jpeg_of_many_scans(), REFUSED, reason="scans")


def bmp_rle(width, height):
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    start = struct.pack("<2sIHHI", b"BM", 2000, 0, 0, 54 + 1024)
    return start + info + bytes(1024) + b"\xff\x01" * 400


def jpeg_of_many_scans():
    """A large progressive image, one of whose cheap scans is there thousands of times."""
    data = by_pillow(np.full((4000, 4000), 90, np.uint8), "JPEG", progressive=True, quality=30)
    last = data.rindex(b"\xff\xda")
    end = data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * 2000 + data[end:]


# ---------------------------------------------------------------- things that are no files


def add_no_files(corpus):
    folder = corpus.add("directory.bmp", None, REFUSED, reason="directory")
    folder.mkdir()
    for name, target in {
        "null.bmp": "/dev/null",
        "zero.bmp": "/dev/zero",
        "random.bmp": "/dev/urandom",
        "terminal.bmp": "/dev/tty",
        "memory.bmp": "/proc/self/mem",
        "status.bmp": "/proc/self/status",
        "dangling.bmp": "nowhere.bmp",
        "folder link.bmp": str(folder),
    }.items():
        corpus.add(name, None, REFUSED).symlink_to(target)
    first = corpus.add("loop a.bmp", None, REFUSED)
    second = corpus.add("loop b.bmp", None, REFUSED)
    first.symlink_to(second)
    second.symlink_to(first)
    itself = corpus.add("itself.bmp", None, REFUSED)
    itself.symlink_to(itself)
    os.mkfifo(corpus.add("pipe.bmp", None, REFUSED, reason="no regular file"))
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    try:
        os.chdir(corpus.folder)  # names of sockets are short
        server.bind(corpus.add("socket.bmp", None, REFUSED).name)
    finally:
        os.chdir(here)
        server.close()
    corpus.add("missing.bmp", None, REFUSED, reason="no such file")
    corpus.cases.append(
        {"path": "nul\0l.bmp", "expect": REFUSED, "like": None, "reason": "", "name": "nul"}
    )
    corpus.cases.append(
        {"path": "x" * 5000, "expect": REFUSED, "like": None, "reason": "", "name": "long"}
    )


# ---------------------------------------------------------------- all together


def add_right(corpus, name, data, pixels, tolerance=0, expect=RIGHT):
    like = corpus.folder / f"{len(corpus.cases):05d}.npy"
    np.save(
        like, np.concatenate([np.array([tolerance], np.uint8), shape_bytes(pixels), pixels.ravel()])
    )
    corpus.add(name, data, expect, like=str(like))
    return str(like)


def shape_bytes(pixels):
    return np.frombuffer(struct.pack("<II", *pixels.shape[:2]), np.uint8)


def expected_pixels(like):
    stored = np.load(like)
    height, width = struct.unpack("<II", stored[1:9].tobytes())
    return stored[9:].reshape(height, width, 3), int(stored[0])


def build(folder):
    """Write the corpus; return its cases, more than two thousand."""
    corpus = Corpus(folder)
    endings = ("bmp", "png", "jpg", "tif", "webp", "txt", "")
    for number, (name, data, pixels, tolerance) in enumerate(well_formed()):
        draw = np.random.default_rng(number)
        like = add_right(corpus, name, data, pixels, tolerance)
        for ending in endings[:4]:
            corpus.add(f"{name}.{ending}", data, RIGHT, like=like)
        # From the header's inside to the last byte but one.
        for cut in np.unique(np.geomspace(1, len(data) - 1, N_CUTS).astype(int)):
            corpus.add(f"{name} cut by {cut}", data[: len(data) - cut], RIGHT_OR_REFUSED, like)
        for _ in range(N_FLIPS):
            damaged = bytearray(data)
            # Half of the flips in the first bytes, where sizes and types stand.
            span = min(len(data), 200) if draw.random() < 0.5 else len(data)
            for _ in range(draw.integers(1, 4)):
                damaged[draw.integers(span)] ^= 1 << int(draw.integers(8))
            # PNG has checksums all over.
            checked = RIGHT_OR_REFUSED if name.startswith("png") else ANYTHING
            corpus.add(f"{name} flipped", bytes(damaged), checked, like)
        corpus.add(f"{name} and more", data + draw.bytes(500), RIGHT_OR_REFUSED, like)
        corpus.add(f"{name} twice", data + data, RIGHT_OR_REFUSED, like)
    add_odd(corpus)
    add_bombs(corpus)
    add_no_files(corpus)
    (corpus.folder / "cases.json").write_text(json.dumps(corpus.cases))
    return corpus.cases


def judge(case, pixels):
    """Compare what was read with what is in the file; a complaint or an empty text."""
    if case["expect"] == REFUSED:
        return f"read as {pixels.shape}"
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        return f"{pixels.dtype} of {pixels.shape}"
    if case["expect"] == ANYTHING:
        return ""
    wanted, tolerance = expected_pixels(case["like"])
    if pixels.shape != wanted.shape:
        return f"{pixels.shape} instead of {wanted.shape}"
    difference = int(np.abs(pixels.astype(int) - wanted).max())
    return "" if difference <= tolerance else f"differs by {difference}"


def main(folder, first):
    from leukfeat.exceptions import ImageReadError
    from leukfeat.imaging.reading import read_image

    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, even inside a decoder
    cases = json.loads((Path(folder) / "cases.json").read_text())
    for number in range(int(first), len(cases)):
        case = cases[number]
        sys.stdout.write(f"{number} ")
        sys.stdout.flush()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        signal.alarm(SECONDS_A_FILE)
        try:
            complaint, end = judge(case, read_image(case["path"])), "read"
        except ImageReadError as error:
            end, text = "refused", str(error)
            complaint = "" if case["expect"] != RIGHT else f"refused: {text}"
            if repr(case["path"]) not in text:
                complaint = f"the file is not named: {text}"
            elif case["reason"] not in text:
                complaint = f"{case['reason']!r} is not said: {text}"
        except BaseException as error:  # noqa: BLE001 - any other one is a finding
            end, complaint = "error", f"{type(error).__name__}: {error}"
        signal.alarm(0)
        answer = {
            "end": end,
            "complaint": complaint,
            "seconds": round(time.perf_counter() - started, 4),
            "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
