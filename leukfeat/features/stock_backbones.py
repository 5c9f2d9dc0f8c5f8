"""The networks of keras.applications that leukfeat knows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from leukfeat.features.backbones import StockBackbone

__all__ = ["BACKBONES"]

# Addresses and digests are those of keras.applications; sizes are about.
_HOST = "https://storage.googleapis.com"
_APPLICATIONS = f"{_HOST}/tensorflow/keras-applications"
_KERNELS = "weights_tf_dim_ordering_tf_kernels"


def _resnet(depth: int, blocks: tuple[int, int, int, int], **facts: Any) -> StockBackbone:
    stages = {
        f"conv{k}": (f"conv{k}_block{n}_out", 64 * 2**k) for k, n in enumerate(blocks, start=2)
    }
    name = f"resnet{depth}"
    return StockBackbone(
        name=name,
        constructor=f"ResNet{depth}",
        module="resnet50" if depth == 50 else "resnet",
        stages={**stages, "avg_pool": stages["conv5"]},
        imagenet_url=f"{_APPLICATIONS}/resnet/{name}_{_KERNELS}_notop.h5",
        **facts,
    )


def _vgg(depth: int, **facts: Any) -> StockBackbone:
    stages = {f"conv{k}": (f"block{k}_pool", min(64 * 2 ** (k - 1), 512)) for k in range(2, 6)}
    name = f"vgg{depth}"
    return StockBackbone(
        name=name,
        constructor=f"VGG{depth}",
        module=name,
        stages={**stages, "avg_pool": stages["conv5"]},
        imagenet_url=f"{_APPLICATIONS}/{name}/{name}_{_KERNELS}_notop.h5",
        **facts,
    )


def _stages(*conv: tuple[str, int], last: tuple[str, int]) -> Mapping[str, tuple[str, int]]:
    """Name the maps of four strides (4, 8, 16, 32) as ResNet's are named, and the last."""
    return {**{f"conv{k}": stage for k, stage in enumerate(conv, start=2)}, "avg_pool": last}


BACKBONES: dict[str, StockBackbone] = {
    backbone.name: backbone
    for backbone in (
        _resnet(
            50,
            (3, 4, 6, 3),
            gigaflops=3.9,
            imagenet_digest="md5:4d473c1dd8becc155b73f8504c6f6626",
            imagenet_bytes=94_765_736,
        ),
        _resnet(
            101,
            (3, 4, 23, 3),
            gigaflops=7.6,
            imagenet_digest="md5:88cf7a10940856eca736dc7b7e228a21",
            imagenet_bytes=171_000_000,
        ),
        _resnet(
            152,
            (3, 8, 36, 3),
            gigaflops=11.3,
            imagenet_digest="md5:ee4c566cf9a93f14d82f913c2dc6dd0c",
            imagenet_bytes=234_000_000,
        ),
        _vgg(
            16,
            gigaflops=15.3,
            imagenet_digest="md5:6d6bbae143d832006294945121d1f1fc",
            imagenet_bytes=59_000_000,
        ),
        _vgg(
            19,
            gigaflops=19.5,
            imagenet_digest="md5:253f8cb515780f3b799900260a226db6",
            imagenet_bytes=80_000_000,
        ),
        StockBackbone(
            name="densenet121",
            constructor="DenseNet121",
            module="densenet",
            stages=_stages(
                ("conv2_block6_concat", 256),
                ("conv3_block12_concat", 512),
                ("conv4_block24_concat", 1024),
                ("conv5_block16_concat", 1024),
                last=("relu", 1024),
            ),
            gigaflops=2.9,
            imagenet_url=f"{_APPLICATIONS}/densenet/densenet121_{_KERNELS}_notop.h5",
            imagenet_digest="md5:30ee3e1110167f948a6b9946edeeb738",
            imagenet_bytes=29_000_000,
        ),
        StockBackbone(
            name="mobilenetv2",
            constructor="MobileNetV2",
            module="mobilenet_v2",
            stages=_stages(
                ("block_2_add", 24),
                ("block_5_add", 32),
                ("block_12_add", 96),
                ("block_16_project_BN", 320),
                last=("out_relu", 1280),
            ),
            gigaflops=0.3,
            imagenet_url=f"{_APPLICATIONS}/mobilenet_v2/mobilenet_v2_{_KERNELS}_1.0_224_no_top.h5",
            imagenet_digest="",
            imagenet_bytes=9_400_000,
        ),
        StockBackbone(
            name="inceptionv3",
            constructor="InceptionV3",
            module="inception_v3",
            # At stride 4 Keras's layers have no names of their own.
            stages={
                "conv3": ("mixed2", 288),
                "conv4": ("mixed7", 768),
                "conv5": ("mixed10", 2048),
                "avg_pool": ("mixed10", 2048),
            },
            input_size=(299, 299),
            least_size=75,
            gigaflops=5.7,
            imagenet_url=f"{_APPLICATIONS}/inception_v3/inception_v3_{_KERNELS}_notop.h5",
            imagenet_digest="md5:bcbd6486424b2319ff4ef7d526e38f63",
            imagenet_bytes=88_000_000,
        ),
        StockBackbone(
            name="efficientnetb0",
            constructor="EfficientNetB0",
            module="efficientnet",
            stages=_stages(
                ("block2b_add", 24),
                ("block3b_add", 40),
                ("block5c_add", 112),
                ("block7a_project_bn", 320),
                last=("top_activation", 1280),
            ),
            gigaflops=0.4,
            imagenet_url=f"{_HOST}/keras-applications/efficientnetb0_notop.h5",
            imagenet_digest="md5:50bc09e76180e00e4465e1a485ddc09d",
            imagenet_bytes=16_600_000,
            imagenet_stem_scale=(
                1 / math.sqrt(0.229),
                1 / math.sqrt(0.224),
                1 / math.sqrt(0.225),
            ),
        ),
        StockBackbone(
            name="convnexttiny",
            constructor="ConvNeXtTiny",
            module="convnext",
            stages=_stages(
                ("+convnext_tiny_stage_0_block_2_identity", 96),
                ("+convnext_tiny_stage_1_block_2_identity", 192),
                ("+convnext_tiny_stage_2_block_8_identity", 384),
                ("+convnext_tiny_stage_3_block_2_identity", 768),
                last=("+convnext_tiny_stage_3_block_2_identity", 768),
            ),
            gigaflops=4.5,
            imagenet_url=f"{_APPLICATIONS}/convnext/convnext_tiny_notop.h5",
            imagenet_digest=(
                "sha256:d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"
            ),
            imagenet_bytes=111_650_000,
            norm_after_pooling=True,
        ),
    )
}
"""The registry: name to `StockBackbone`."""
