"""A spec names its feature space, and nothing else."""

import dataclasses
import json

import pytest

from leukfeat.features.spec import FeatureSpec


def test_every_setting_is_in_the_digest():
    other = {
        "backbone": "vgg16",
        "weights": "file",
        "weights_digest": "ab",
        "layers": ("conv4",),
        "pooling": "gem",
        "input_size": (200, 200),
        "crop": 224,
        "interpolation": "cubic",
        "preparation": "cd",
        "mask": "background-is-0",
        "views": "dihedral",
        "precision": "bfloat16",
        "engine": "openvino",
        "version": 0,
        "preprocessing": '{"scale":1.0}',
        "calibration": "sha256:ef",
    }
    assert set(other) == {field.name for field in dataclasses.fields(FeatureSpec)}
    eight_bits = {"precision": "int8", "calibration": "sha256:01"}  # neither goes alone
    digests = {
        FeatureSpec(
            **({name: value} if name != "calibration" else {**eight_bits, name: value})
        ).digest
        for name, value in other.items()
    }
    digests.add(FeatureSpec(**eight_bits).digest)
    assert len(digests | {FeatureSpec().digest}) == len(other) + 2


def test_digest_is_frozen():
    # Stores are named by it: a change here orphans every cache of every user.
    assert (
        FeatureSpec(weights_digest="00").digest
        == FeatureSpec.from_json('{"weights_digest":"00"}').digest
    )
    assert (
        FeatureSpec(weights_digest="00").to_json()
        == '{"backbone":"resnet50","crop":null,"engine":"keras","input_size":[224,224],'
        '"interpolation":"area-linear","layers":["avg_pool"],"mask":null,"pooling":"avg",'
        '"precision":"float32","preparation":null,"version":1,"views":1,"weights":"imagenet",'
        '"weights_digest":"00"}'
    )


def test_digests_of_deep_features_never_change():
    # Written down when the only spaces were deep ones: other kinds must not touch them.
    assert FeatureSpec(weights_digest="00").digest == (
        "5333ded9165a3e3056b0c6efc3aa08027df2f57d77524cae7a3fc79555748a5f"
    )
    other = FeatureSpec(
        backbone="vgg16", layers=("conv3", "conv4"), crop=224, views="dihedral", weights_digest="ab"
    )
    assert other.digest == "ee476fec17568410bf9793d694ccd86b9d94a0553f154b7c4bd042858da4aff8"


def test_json_round_trip():
    spec = FeatureSpec(layers=["conv3", "conv4"], input_size=[100, 200], crop=300)
    assert FeatureSpec.from_json(spec.to_json()) == spec


def test_a_newer_spec_is_refused():
    newer = json.loads(FeatureSpec().to_json()) | {"hue": 1}
    with pytest.raises(ValueError, match="newer leukfeat"):
        FeatureSpec.from_json(json.dumps(newer))


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": ()},
        {"layers": ("conv4", "conv4")},
        {"input_size": (0, 224)},
        {"input_size": (224,)},
        {"crop": 0},
        {"views": 8},
        {"precision": "float16"},
    ],
)
def test_wrong_settings_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FeatureSpec(**wrong)
