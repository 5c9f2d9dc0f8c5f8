"""Every file is read by the documented rule, or refused by name and reason."""

import os
import struct
import zlib

import cv2
import numpy as np
import pytest

from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.controls import CONTROL_COLUMNS, measure_controls
from leukfeat.imaging.reading import read_image


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
