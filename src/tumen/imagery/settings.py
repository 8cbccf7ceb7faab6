"""Settings of a search: one frozen record, documented field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DetectSettings:
    """How scenes are searched.

    pfa: chance that a single pixel of open sea passes the radar test (of all polarisations together).
    looks: equivalent number of looks; None takes it from the product, 4.4 otherwise (IW GRDH).
    min_probability: detections below it are left out.
    min_length_m: detections shorter than this are left out (0 keeps all).
    sensor, pixel_m: settle what a bare picture does not tell.
    network: "builtin", path of an ONNX file, or None for the contrast detector.
    chips: keep a picture of each detection and berth look.
    min_usable: share of a berth or port that must be visible before presence or absence is told.
    threads: threads within one scene.
    """

    pfa: float = 1e-7
    looks: float | None = None
    min_probability: float = 0.15
    min_length_m: float = 0.0
    sensor: Literal["sar", "optical"] | None = None
    pixel_m: float | None = None
    network: str | None = "builtin"
    chips: bool = True
    min_usable: float = 0.5
    threads: int = 2

    def __post_init__(self) -> None:
        if not 1e-12 < self.pfa < 1e-2:
            raise ValueError(f"pfa {self.pfa}; expected 1e-12 to 1e-2")
        if not 0 <= self.min_probability <= 1:
            raise ValueError(f"min_probability {self.min_probability}; expected 0 to 1")
        if self.pixel_m is not None and not 0.05 <= self.pixel_m <= 500:
            raise ValueError(f"pixel_m {self.pixel_m}; expected 0.05 to 500 m")
