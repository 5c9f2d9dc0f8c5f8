import json

import pytest

from leukfeat.cnn import CNNConfig
from leukfeat.imaging import CellAugmentation


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activation", "tanh"),
        ("padding", "full"),
        ("pooling", "mean"),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("l2", -1.0),
        ("l2", float("nan")),
        ("epochs", 0),
        ("epochs", True),
        ("batch_size", 2.5),
        ("crop", 0),
        ("patience", 0),
        ("learning_rate", 0),
        ("filters", ()),
        ("filters", (8, 0)),
        ("filters", 8),
        ("attention", ("channel", "channel")),
        ("attention", ("time",)),
        ("input_size", (200,)),
        ("kernel_size", (3, 5)),
        ("validation_fraction", 1.0),
        ("class_weight", "inverse"),
        ("loss", "hinge"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(name, value):
    with pytest.raises(ValueError, match=name) as caught:
        CNNConfig(**{name: value})
    assert "Got" in str(caught.value)


def test_blocks_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="Block 3 of 4"):
        CNNConfig(input_size=(32, 32), filters=(8,) * 4, padding="valid", kernel_size=5)
    assert CNNConfig(input_size=(32, 32), filters=(8,) * 5)


def test_valid_padding_is_refused_in_residual_blocks():
    with pytest.raises(ValueError, match="padding"):
        CNNConfig(block="dilated_residual", padding="valid")


def test_an_unknown_setting_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'droput'.*'dropout'"):
        CNNConfig().replace(droput=0.3)


def test_json_gives_the_same_settings_back():
    config = CNNConfig.with_attention(
        kernel_size=(3, 5, 3, 3), augmentation=CellAugmentation(scale=0.2)
    )
    assert CNNConfig.from_json(config.to_json()) == config
    without = config.replace(augmentation=None)
    assert CNNConfig.from_json(without.to_json()) == without


def test_settings_of_a_newer_leukfeat_are_refused():
    settings = json.loads(CNNConfig().to_json()) | {"version": 99}
    with pytest.raises(ValueError, match="newer"):
        CNNConfig.from_json(json.dumps(settings))


@pytest.mark.parametrize("text", ["null", "[]", '"x"', "5"])
def test_settings_that_are_no_table_are_refused(text):
    with pytest.raises(ValueError, match="CNNConfig settings must be a table"):
        CNNConfig.from_json(text)
