"""Nobody is told what is computed: libraries that report their use are kept from it."""

from __future__ import annotations

from typing import Any

__all__ = ["send_nothing"]


def send_nothing() -> None:
    """Keep OpenVINO and NNCF from reporting their use, for the whole process.

    Unless it is told otherwise, ``openvino.convert_model`` and ``nncf.quantize`` send events to
    their makers through the package ``openvino_telemetry``, and keep a number of this user in
    his home folder. As if he had declined: neither happens.
    """
    try:
        from openvino_telemetry.utils.opt_in_checker import ConsentCheckResult, OptInChecker
        from openvino_telemetry.utils.sender import TelemetrySender
    except ImportError:
        return

    def declined(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ConsentCheckResult.DECLINED

    def kept(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    OptInChecker.check = declined
    # Of one that was made before, which has its consent already.
    TelemetrySender.send = kept
