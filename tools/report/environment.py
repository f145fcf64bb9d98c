"""What the measurements depend on: devices, versions, the machine."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from omz.report.findings import Variant
from omz.report.options import Options
from omz.report.speed import ROUNDS
from omz.version import __version__

if TYPE_CHECKING:
    import openvino as ov


def environment(variant: Variant, options: Options) -> list[tuple[str, str]]:
    """Return what the measurements depend on, as (heading, text)."""
    import openvino as ov

    core = ov.Core()
    devices = [_device_name(core, device) for device in variant.speed.devices]
    return [
        ("Device", ", ".join(devices)),
        ("Processors", str(len(os.sched_getaffinity(0)))),
        ("OpenVINO", ov.get_version()),
        ("omz-toolkit", __version__),
        ("Python", platform.python_version()),
        ("System", f"{_system_name()}, {platform.machine()}"),
        ("Measured", f"{options.seconds:g} s for each figure, in {ROUNDS} rounds in turn"),
    ]


def _device_name(core: ov.Core, device: str) -> str:
    try:
        return f"{device}: {str(core.get_property(device, 'FULL_DEVICE_NAME')).strip()}"
    except RuntimeError:  # of a virtual device
        return device


def _system_name() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']} (Linux {platform.release()})"
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
