"""The hardware decoders that can be chosen: what each decodes, and what a process must reach for it.

Each is a method of ffmpeg's `-hwaccel` whose pictures ffmpeg itself brings back to memory. What is listed here is from
the sources and manuals of ffmpeg, the kernel's and NVIDIA's drivers, Mesa and the Vulkan loader; none of it was tried
on a GPU.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

METHODS = ("cuda", "vaapi", "vulkan", "videotoolbox")
"""ffmpeg's names of those that can be chosen."""

OTHER_METHODS = {
    "qsv": "leaves its pictures on the device; vaapi uses the same one",
    "drm": "needs a device by name; vaapi and vulkan find theirs",
    "vdpau": "needs a screen, which the sandbox shuts out; vaapi, cuda and vulkan need none",
    "opencl": "decodes nothing",
}
"""Those that ffmpeg names too, and why they cannot be chosen."""

# Not MPEG-2 and MPEG-4, JPEG or ProRes: their specifications leave the last bit of each pixel to the decoder.
_CODECS = {
    "cuda": frozenset({"h264", "hevc", "av1", "vp8", "vp9"}),
    "vaapi": frozenset({"h264", "hevc", "av1", "vp8", "vp9", "vvc"}),
    "vulkan": frozenset({"h264", "hevc", "av1", "vp9"}),
    "videotoolbox": frozenset({"h264", "hevc", "av1", "vp9"}),
}

LIBRARIES = (
    *("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/nvidia", "/lib", "/lib64", "/nix/store"),
    *("/run/opengl-driver", "/etc/ld.so.cache"),
)
"""Where drivers lie, which are loaded by name when they are wanted."""
_NVIDIA_READS = (
    *("/proc/driver/nvidia", "/proc/devices", "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm/mmap_min_addr"),
    *("/sys/devices", "/sys/module/nvidia", "/sys/module/nvidia_uvm", "/sys/bus/pci/devices"),
)
_RENDERING_READS = (
    *("/sys/dev/char", "/sys/devices", "/sys/bus/pci/devices"),
    *("/usr/share/libdrm", "/usr/share/drirc.d", "/etc/drirc", "/etc/libva.conf"),
)
_VULKAN_READS = ("/usr/share/vulkan", "/usr/local/share/vulkan", "/etc/vulkan", "/usr/share/glvnd", "/etc/glvnd")

_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "DRI_PRIME"),
    *("LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "VK_DRIVER_FILES", "VK_ICD_FILENAMES"),
)
# Nothing of what a driver compiles is kept: it could be written nowhere.
_NO_CACHES = {"CUDA_CACHE_DISABLE": "1", "MESA_SHADER_CACHE_DISABLE": "true"}


@dataclass(frozen=True)
class Reach:
    """What the sandbox lets a hardware decoder reach beyond what a decoder in software may.

    Args:
        readable: files and directories that may be read and run from.
        devices: device files, or directories of them, that may be read, written and asked by `ioctl`.
    """

    readable: tuple[str, ...]
    devices: tuple[str, ...]


def can_decode(method: str, codec: str) -> bool:
    """Whether a method decodes a codec, to the very bits that any decoder gives."""
    return codec in _CODECS[method]


def reach_of(method: str, *, devices: Path = Path("/dev")) -> Reach:
    """What a method's drivers need, as far as it is there.

    Args:
        method: one of `METHODS`.
        devices: where device files are looked for.
    """
    nvidia = tuple(str(path) for path in sorted(devices.glob("nvidia*")))
    rendering = (str(devices / "dri"),)
    if method == "cuda":
        return Reach((*LIBRARIES, *_NVIDIA_READS), nvidia)
    if method == "vaapi":
        return Reach((*LIBRARIES, *_RENDERING_READS), rendering)
    if method == "vulkan":
        reads = dict.fromkeys((*LIBRARIES, *_VULKAN_READS, *_RENDERING_READS, *_NVIDIA_READS))
        return Reach(tuple(reads), (*nvidia, *rendering))
    # VideoToolbox is of macOS, which has no sandbox of ours to widen.
    return Reach((), ())


def variables_of_drivers(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables by which operators choose device and driver, and those that keep drivers from writing."""
    return {name: environ[name] for name in _VARIABLES if name in environ} | _NO_CACHES
