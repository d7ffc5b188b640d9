"""The bounds that one video may not cross, whoever made it."""

from dataclasses import dataclass, fields, replace

from worker.pipeline.hardware import METHODS

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a video may cost; every bound is positive.

    Args:
        max_side_px: longest side of the coded picture. 16K film is 15,360 wide.
        max_pixels: pixels of one picture; 8K is 33 million.
        max_duration_s: longest video that is looked at.
        max_streams: streams in one container; broadcast captures have dozens, bombs thousands.
        probe_time_limit_s: wall seconds for reading headers and index.
        time_limit_s: wall seconds for decoding, where the caller gives no deadline of its own.
        memory_bytes: memory of one ffmpeg (data segments and address space).
        probe_memory_bytes: address space of the probing process.
        decoder_threads: threads of ffmpeg's decoder.
        decoded_side_px: long side of the frames that are handed out.
        is_confined: whether ffmpeg and the probing process run in the sandbox, as far as the kernel has one.
        hwaccel: the hardware decoder that is tried first, one of `hardware.METHODS`; None for none.
    """

    max_side_px: int = 16_384
    max_pixels: int = 134_217_728
    max_duration_s: float = 86_400.0
    max_streams: int = 100
    probe_time_limit_s: float = 30.0
    time_limit_s: float = 1_800.0
    memory_bytes: int = 4096 * MIB
    probe_memory_bytes: int = 2048 * MIB
    decoder_threads: int = 1
    decoded_side_px: int = 1280
    is_confined: bool = True
    hwaccel: str | None = None

    @property
    def in_software(self) -> "Limits":
        """The same without the hardware decoder."""
        return replace(self, hwaccel=None)

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
                raise ValueError(f"{bound.name} must be positive, got {value}")
        if self.hwaccel is not None and self.hwaccel not in METHODS:
            raise ValueError(f"hwaccel must be one of {', '.join(METHODS)} or None, got {self.hwaccel!r}")
