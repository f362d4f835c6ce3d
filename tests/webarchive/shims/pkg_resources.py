"""The part of setuptools' pkg_resources that pywb 2.9 uses and newer versions of setuptools lack."""

from __future__ import annotations

import importlib.metadata
import importlib.resources


def get_distribution(name: str) -> importlib.metadata.Distribution:
    return importlib.metadata.distribution(name)


def resource_filename(package: str, name: str) -> str:
    return str(importlib.resources.files(package) / name)


def resource_string(package: str, name: str) -> bytes:
    return (importlib.resources.files(package) / name).read_bytes()
