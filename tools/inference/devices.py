"""OpenVINO's device strings (``CPU``, ``GPU.1``, ``AUTO:GPU,CPU``, ``MULTI:``, ``HETERO:``) and properties for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omz.errors import InferenceError, UsageError
from omz.suggestions import did_you_mean

PLUGINS = ("CPU", "GPU", "NPU")
VIRTUAL = ("AUTO", "MULTI", "HETERO")
HINTS = ("throughput", "latency", "none")
PRECISIONS = ("f32", "f16", "bf16")
#: In flight at a time; no device has use for so many, and each has a thread and its own tensors.
MAX_REQUESTS = 1024


@dataclass(frozen=True, slots=True)
class Device:
    """A parsed device string: what OpenVINO gets, the virtual device ('' for none) and the devices behind it."""

    text: str
    virtual: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """How to run a model.

    Attributes:
        device: OpenVINO device string.
        hint: 'throughput', 'latency' or 'none'; '' means throughput, or none where streams or threads are given.
        streams: '' (the device decides), '4', or per device 'CPU:2,GPU:1'.
        threads: CPU threads; 0 means that OpenVINO decides.
        precision: 'f32', 'f16', 'bf16', or '' for the device's own choice.
        cache_dir: Folder for compiled models; '' for none.
    """

    device: str = "CPU"
    hint: str = ""
    streams: str = ""
    threads: int = 0
    precision: str = ""
    cache_dir: str = ""

    @property
    def effective_hint(self) -> str:
        """The hint in use: explicit streams or threads are not mixed with an implied one."""
        return self.hint or ("none" if self.streams or self.threads else "throughput")


def parse_device(text: str, available: Sequence[str]) -> Device:
    """Parse a device string and check that every device in it is there.

    Args:
        text: Any case; ``AUTO`` may stand alone and then means all devices.
        available: As ``Core().available_devices`` lists them.

    Raises:
        InferenceError: A device is not there, or the string is malformed; names those that are there.
    """
    there = f"Available: {', '.join(available) or 'none'}"

    name, colon, rest = text.strip().upper().partition(":")
    if name not in VIRTUAL:
        if colon or not _is_available(name, available):
            raise InferenceError(
                f"device {text!r} is not there.{_meant(name, available)} {there}; "
                "AUTO:, MULTI: and HETERO: combine them."
            )
        return Device(name, "", (name,))
    if not colon and name == "AUTO":
        return Device(name, name, tuple(available))
    targets = [target.strip() for target in rest.split(",")]
    if not all(targets):
        raise InferenceError(f"device {text!r}: expected {name}:<device>[,<device>...]. {there}.")
    # "-GPU" takes a device out of AUTO's choice; "GPU(4)" gives MULTI a number of requests
    wanted = [re.sub(r"\(\d+\)$", "", target) for target in targets if not target.startswith("-")]
    for target in wanted:
        if not _is_available(target, available):
            raise InferenceError(
                f"device {text!r}: {target} is not there.{_meant(target, available)} {there}."
            )
    excluded = {target[1:] for target in targets if target.startswith("-")}
    chosen = wanted or [device for device in available if device not in excluded]
    return Device(f"{name}:{','.join(targets)}", name, tuple(chosen))


def _meant(name: str, available: Sequence[str]) -> str:
    """Return what a mistyped name may have meant; a device that is only not there is no mistake."""
    known = {*PLUGINS, *VIRTUAL, *available}
    return "" if name.partition(".")[0] in known else did_you_mean(name, sorted(known), count=1)


def _is_available(device: str, available: Sequence[str]) -> bool:
    """Tell whether a device exists; ``GPU`` is the first of ``GPU.0, GPU.1``, and ``GPU.0`` the only ``GPU``."""
    base, _, number = device.partition(".")
    if device in available:
        return True
    if not number:
        return any(other.startswith(base + ".") for other in available)
    return number == "0" and base != "CPU" and base in available


def properties(options: DeviceOptions, device: Device) -> dict[str, Any]:
    """Return the properties for ``compile_model``: hardware properties go to each device behind a virtual one.

    Raises:
        UsageError: Streams name a device that is not used, or threads are given where no CPU is.
    """
    per_device: dict[str, dict[str, Any]] = {target: {} for target in device.targets}
    for target, count in _streams(options.streams, device).items():
        per_device[target]["NUM_STREAMS"] = str(count)
    if options.threads:
        if "CPU" not in per_device:
            raise UsageError(f"-nthreads is for the CPU, and the device is {device.text}")
        per_device["CPU"]["INFERENCE_NUM_THREADS"] = options.threads
    if options.precision:
        for target in device.targets:
            per_device[target]["INFERENCE_PRECISION_HINT"] = options.precision
    config: dict[str, Any] = {}
    if options.effective_hint != "none":
        config["PERFORMANCE_HINT"] = options.effective_hint.upper()
    if not device.virtual:
        return config | per_device[device.targets[0]]
    chosen = {target: values for target, values in per_device.items() if values}
    return config | ({"DEVICE_PROPERTIES": chosen} if chosen else {})


def _streams(text: str, device: Device) -> dict[str, int]:
    """Parse ``4`` or ``CPU:2,GPU:1`` into streams per device."""
    if not text:
        return {}
    if text.isdecimal() and int(text) > 0:
        return dict.fromkeys(device.targets, int(text))
    streams: dict[str, int] = {}
    for part in text.upper().split(","):
        target, _, count = part.strip().rpartition(":")
        if target not in device.targets or not count.isdecimal() or int(count) < 1:
            known = ", ".join(f"{name}:<count>" for name in device.targets)
            raise UsageError(f"-nstreams {text}: expected a positive number, or some of {known}")
        streams[target] = int(count)
    return streams
