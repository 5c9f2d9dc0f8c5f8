"""Every file is read by the documented rule, or refused by name and reason."""

import os
import struct
import time
import zlib

import cv2
import numpy as np
import pytest

from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.controls import CONTROL_COLUMNS, measure_controls
from leukfeat.imaging.headers import read_header
from leukfeat.imaging.reading import decode_image, read_image


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(1, 256, (53, 71, 3), dtype=np.uint8)


@pytest.fixture
def save(tmp_path):
    def write(name, content, parameters=()):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            if content.ndim == 3:
                content = content[..., [2, 1, 0, *range(3, content.shape[2])]]
            assert cv2.imwrite(str(path), content, list(parameters))
        return path

    return write


@pytest.mark.parametrize("kind", ["bmp", "png", "tiff", "webp", "jp2", "ppm"])
def test_lossless_formats_give_the_pixels_in_rgb_order(save, pixels, kind):
    parameters = {
        "webp": (cv2.IMWRITE_WEBP_QUALITY, 101),
        "jp2": (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000),
    }
    read = read_image(save(f"a.{kind}", pixels, parameters.get(kind, ())))
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    assert np.array_equal(read, pixels)


def test_jpeg_is_near_the_pixels(save):
    smooth = np.zeros((32, 32, 3), np.uint8)
    smooth[:] = 200, 60, 20
    assert np.abs(read_image(save("a.jpg", smooth)).astype(int) - smooth).max() < 6


def test_the_name_does_not_decide_the_format(save, pixels, tmp_path):
    path = save("a.png", pixels).rename(tmp_path / "a.bmp")
    assert np.array_equal(read_image(path), pixels)


@pytest.mark.parametrize(
    "name", ["with space.png", "zellen-äöü-細胞.png", "new\nline.png", "x" * 200]
)
def test_odd_names(save, pixels, tmp_path, name):
    path = save("plain.png", pixels).rename(tmp_path / name)
    assert np.array_equal(read_image(str(path)), pixels)


def test_a_name_that_is_not_utf8(save, pixels, tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"cell-\xff.png")
    os.rename(save("plain.png", pixels), path)
    assert np.array_equal(read_image(os.fsdecode(path)), pixels)


def test_grey_is_repeated(save, pixels):
    grey = pixels[..., 0]
    assert np.array_equal(read_image(save("a.png", grey)), np.repeat(grey[..., None], 3, 2))


def test_sixteen_bits_are_scaled_to_the_full_range(save, pixels):
    deep = pixels.astype(np.uint16) * 257
    assert np.array_equal(read_image(save("a.png", deep)), pixels)
    assert np.array_equal(read_image(save("a.tiff", deep)), pixels)


def test_twelve_bits_in_sixteen_are_refused(save):
    path = save("camera.png", np.full((4, 4, 3), 4095, np.uint16))
    with pytest.raises(ImageReadError, match=r"camera\.png.*only 4095.*12-bit"):
        read_image(path)


def test_transparent_pixels_are_laid_over_black(save, pixels):
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    assert np.array_equal(read_image(save("o.png", np.dstack([pixels, alpha]))), pixels)
    alpha[:, :9] = 0
    read = read_image(save("a.png", np.dstack([pixels, alpha])))
    assert not read[:, :9].any()
    assert np.array_equal(read[:, 9:], pixels[:, 9:])


def test_a_palette_is_expanded(save):
    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 3, 0, 0, 0))
    png += chunk(b"PLTE", bytes([1, 2, 3, 200, 100, 50])) + chunk(b"IDAT", zlib.compress(b"\0\1\0"))
    assert read_image(save("p.png", png + chunk(b"IEND", b""))).tolist() == [
        [[200, 100, 50], [1, 2, 3]]
    ]


def test_exif_orientation_is_applied(save):
    image = np.zeros((16, 48, 3), np.uint8)
    image[:, 32:] = 255
    plain = save("a.jpg", image).read_bytes()
    tiff = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x112, 3, 1, 6, 0) + bytes(4)
    segment = b"Exif\0\0" + tiff
    exif = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    turned = read_image(save("t.jpg", plain[:2] + exif + plain[2:]))
    assert turned.shape == (48, 16, 3)
    assert turned[40].min() > 240
    assert turned[8].max() < 15


@pytest.mark.parametrize("kind", ["bmp", "png", "jpg", "tiff", "webp", "jp2", "ppm"])
@pytest.mark.parametrize("keep", [0.02, 0.3, 0.6, 0.97])
def test_a_cut_file_is_refused(save, pixels, kind, keep):
    whole = save(f"a.{kind}", pixels).read_bytes()
    path = save(f"cut.{kind}", whole[: max(1, int(len(whole) * keep))])
    with pytest.raises(ImageReadError, match=rf"cut\.{kind}"):
        read_image(path)


def test_flipped_bytes_of_a_png_are_refused(save, pixels):
    whole = bytearray(save("a.png", pixels).read_bytes())
    whole[len(whole) // 2] ^= 0x10
    with pytest.raises(ImageReadError, match="checksum"):
        read_image(save("b.png", bytes(whole)))


def test_no_bytes_crash_the_reader(save, pixels):
    generator = np.random.default_rng(1)
    for kind in ("bmp", "png", "jpg", "tiff", "webp", "jp2", "ppm"):
        whole = save(f"a.{kind}", pixels).read_bytes()
        for _ in range(40):
            damaged = bytearray(whole)
            for place in generator.integers(0, min(len(whole), 120), 3):
                damaged[place] = generator.integers(256)
            path = save(f"d.{kind}", bytes(damaged))
            try:
                read = read_image(path, max_pixels=1_000_000)
            except ImageReadError as error:
                assert str(path) in str(error)  # noqa: PT017
            else:
                assert read.dtype == np.uint8
                assert read.shape[2] == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no image at all", "not an image"),
        (b"GIF89a" + bytes(40), "not an image"),
        (b"P5 30000 30000 255\n" + bytes(10), "cut short"),
        (b"BM" + bytes(60), "has no pixels"),
        (b"RIFF\x10\0\0\0WAVEfmt " + bytes(20), "not WebP"),
    ],
)
def test_what_is_no_image_is_refused(save, content, reason):
    with pytest.raises(ImageReadError, match=rf"(?s)x\.bmp.*{reason}"):
        read_image(save("x.bmp", content))


def test_a_bomb_is_refused_before_it_is_decoded(save):
    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    png = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    )
    png += chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with pytest.raises(ImageReadError, match="60000 x 60000 pixels are more than"):
        read_image(save("bomb.png", png))


def tiff_of(entries, data=b""):
    """Write a TIFF with these tags, kinds and values; a value "data" is where the pixels stand."""
    start = 8 + 2 + 12 * len(entries) + 4
    out = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, kind, held in entries:
        out += struct.pack("<HHII", tag, kind, 1, start if held == "data" else held)
    return out + bytes(4) + data


def many_tags(width, height, data):
    return [
        *((258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, "data"), (277, 3, 1)),
        *((278, 4, height), (279, 4, len(data))),
    ]


def tiff_with_two_widths(width, height):
    data = zlib.compress(bytes(width * height), 9)
    sides = [(256, 4, width), (256, 4, 10), (257, 4, height), (257, 4, 10)]
    return tiff_of(sides + many_tags(width, height, data), data)


def tiff_with_signed_sides(width, height):
    data = zlib.compress(bytes(width * height), 9)
    sides = [(256, 9, width), (256, 4, 10), (257, 9, height), (257, 4, 10)]
    return tiff_of(sides + many_tags(width, height, data), data)


def encoded(kind, width, height):
    return cv2.imencode(f".{kind}", np.zeros((height, width), np.uint8))[1].tobytes()


def jpeg_with_a_marker_that_has_no_length(width, height):
    """Our walk would jump over the real frame into a comment that holds a small one."""
    whole, small = encoded("jpg", width, height), encoded("jpg", 10, 10)
    body = whole[2:]
    first = 2 + struct.unpack(">H", body[2:4])[0]
    out = b"\xff\xd8\xff\x01" + body[:first]
    target = 4 + struct.unpack(">H", body[:2])[0]
    while target - len(out) > 60_000:
        out += b"\xff\xfe" + struct.pack(">H", 40_002) + bytes(40_000)
    comment = bytes(target - len(out) - 4) + small[2:]
    return out + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + body[first:]


def box(kind, content):
    return struct.pack(">I", len(content) + 8) + kind + content


def jpeg_2000_with_a_small_size_in_a_box(width, height):
    fake = b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 41, 0, 10, 10, 0, 0) + bytes(40)
    whole = encoded("jp2", width, height)
    assert whole[12 + 4 : 12 + 8] == b"ftyp"
    end = 12 + struct.unpack_from(">I", whole, 12)[0]
    return whole[:end] + box(b"uuid", bytes(16) + fake) + whole[end:]


def pnm_with_a_comment_that_ends_at_a_return(width, height):
    return b"P4\n#\r%d %d\n# \n8 8\n" % (width, height) + bytes((width + 7) // 8 * height)


def pnm_with_a_sign_after_a_number(width, height):
    return b"P5 %d#%d 255\n1 1 255\n" % (width, height) + bytes(width * height)


def png_whose_first_part_is_another(width, height):
    whole = encoded("png", width, height)
    content = b"tEXt" + struct.pack(">II", 10, 10) + b"\x08\0\0\0\0"
    return (
        whole[:8]
        + struct.pack(">I", 13)
        + content
        + struct.pack(">I", zlib.crc32(content))
        + whole[8:]
    )


def png_of_many_parts():
    empty = struct.pack(">I4sI", 0, b"teST", zlib.crc32(b"teST"))
    return encoded("png", 4, 4)[:33] + empty * 2_000_000


DECEIVING = [
    tiff_with_two_widths,
    tiff_with_signed_sides,
    jpeg_with_a_marker_that_has_no_length,
    jpeg_2000_with_a_small_size_in_a_box,
    pnm_with_a_comment_that_ends_at_a_return,
    pnm_with_a_sign_after_a_number,
    png_whose_first_part_is_another,
]


@pytest.mark.parametrize("write", DECEIVING, ids=lambda write: write.__name__)
def test_a_header_that_says_less_than_the_decoder_unpacks_is_refused(write):
    """Otherwise the limit would be asked about 10 x 10 pixels, and OpenCV would make 80 x 60."""
    with pytest.raises(
        ImageReadError, match=r"it (is damaged|announces|80 x|60 x)|allowed|damaged"
    ):
        decode_image(write(80, 60), "lie", max_pixels=1000)


def test_a_decoded_image_of_another_size_is_refused(monkeypatch, save, pixels):
    path = save("a.png", pixels)
    monkeypatch.setattr(cv2, "imdecode", lambda data, flags: np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ImageReadError, match=r"a\.png.*announces 53 x 71 pixels.*holds 9 x 9"):
        read_image(path)


def test_a_jpeg_2000_of_many_channels_is_refused():
    sides = struct.pack(">HIIIIIIII", 0, 9, 9, 0, 0, 9, 9, 0, 0) + struct.pack(">H", 5)
    with pytest.raises(ValueError, match="has 5 channels"):
        read_header(b"\xff\x4f\xff\x51" + struct.pack(">H", len(sides) + 17) + sides + bytes(30))


@pytest.mark.parametrize("length", [0, 7, 15, 1 << 20, (1 << 64) - 1])
def test_a_box_whose_length_cannot_be_is_refused(save, pixels, length):
    whole = save("a.jp2", pixels).read_bytes()
    more = struct.pack(">I4sQ", 1, b"uuid", length) + bytes(9)
    with pytest.raises(
        ValueError, match=r"no JPEG 2000 codestream among its boxes|is cut short: \d+ bytes"
    ):
        read_header(whole[:12] + more + whole[12:])


def test_a_box_of_64_bits_is_walked_over(save, pixels):
    whole = save("a.jp2", pixels).read_bytes()
    more = struct.pack(">I4sQ", 1, b"uuid", 16 + 9) + bytes(9)
    assert read_header(whole[:12] + more + whole[12:]) == read_header(whole)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"\xff\xd8" + b"\xff" * 50_000_000, "is cut short"),
        (lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 5_000_000, "more than 10000 markers"),
        (png_of_many_parts, "more than 1000000 parts"),
    ],
    ids=["fill bytes", "markers", "parts"],
)
def test_a_file_of_many_parts_takes_no_time(content, message):
    content = content()
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        read_header(content)
    assert time.process_time() - start < 3


def test_comments_of_a_pnm_take_no_time_and_no_more_than_their_room():
    small = b"P5\n" + b"#\n# \r" * 5000 + b"2 1 255\n\0\xff"
    assert decode_image(small, "c")[0, :, 0].tolist() == [0, 255]
    start = time.process_time()
    with pytest.raises(ImageReadError, match="without its numbers"):
        decode_image(b"P5\n" + b"#\n" * 5_000_000 + b"2 1 255\n\0\0", "c")
    assert time.process_time() - start < 2


def test_a_float_tiff_is_refused(save):
    with pytest.raises(ImageReadError, match=r"f\.tiff.*float32"):
        read_image(save("f.tiff", np.ones((4, 4, 3), np.float32)))


def test_an_animation_or_several_pages_are_refused(tmp_path, pixels):
    path = tmp_path / "pages.tiff"
    assert cv2.imwritemulti(str(path), [pixels, pixels])
    with pytest.raises(ImageReadError, match="several pages"):
        read_image(path)


def test_one_pixel_and_one_row(save):
    assert read_image(save("a.png", np.full((1, 1, 3), 9, np.uint8))).shape == (1, 1, 3)
    assert read_image(save("b.png", np.full((1, 30000, 3), 9, np.uint8))).shape == (1, 30000, 3)


def test_what_is_no_file(tmp_path):
    with pytest.raises(ImageReadError, match=r"gone\.bmp.*no such file"):
        read_image(tmp_path / "gone.bmp")
    with pytest.raises(ImageReadError, match="no folder"):
        read_image(tmp_path / "nowhere" / "gone.bmp")
    with pytest.raises(ImageReadError, match="is a directory"):
        read_image(tmp_path)
    os.mkfifo(tmp_path / "pipe.bmp")
    with pytest.raises(ImageReadError, match="no regular file"):
        read_image(tmp_path / "pipe.bmp")
    with pytest.raises(ImageReadError, match="no regular file"):
        read_image("/dev/null")
    (tmp_path / "loop.bmp").symlink_to(tmp_path / "loop.bmp")
    with pytest.raises(ImageReadError, match="loop"):
        read_image(tmp_path / "loop.bmp")
    with pytest.raises(ImageReadError, match="not valid"):
        read_image("nul\0.bmp")


@pytest.mark.real_data
def test_real_cells(shared_data):
    paths = sorted((shared_data / "cnmc").glob("*.bmp"))
    for path in paths:
        read = read_image(path)
        assert read.shape == (450, 450, 3)
        assert np.array_equal(read[..., ::-1], cv2.imread(str(path)))
        controls = dict(zip(CONTROL_COLUMNS, measure_controls(read), strict=True))
        assert controls["border_r"] == 0
        assert 0.02 < controls["foreground_fraction"] < 0.6


class TestControls:
    def reference(self, image):
        mask = image.max(axis=2) > 0
        chosen = image[mask]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        frame = np.ones(image.shape[:2], bool)
        frame[1:-1, 1:-1] = False
        return [
            *np.percentile(chosen, [10, 50, 90], axis=0).T.ravel(),
            *image.shape[:2],
            mask.mean(),
            mask.sum(),
            rows[-1] - rows[0] + 1,
            columns[-1] - columns[0] + 1,
            *image[frame].mean(axis=0),
        ]

    @pytest.mark.parametrize("shape", [(40, 30), (1, 7), (7, 1), (1, 1), (2, 2), (61, 60)])
    def test_equal_to_numpy(self, shape):
        image = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
        image[image.sum(2) < 300] = 0
        image[0, 0] = 5, 6, 7
        assert measure_controls(image) == pytest.approx(self.reference(image), rel=1e-6)

    def test_a_black_image_has_no_foreground(self):
        controls = dict(
            zip(CONTROL_COLUMNS, measure_controls(np.zeros((4, 6, 3), np.uint8)), strict=True)
        )
        assert controls.pop("height") == 4
        assert controls.pop("width") == 6
        assert set(controls.values()) == {0}

    def test_an_image_without_black_counts_every_pixel(self, pixels):
        assert measure_controls(pixels)[CONTROL_COLUMNS.index("foreground_fraction")] == 1
