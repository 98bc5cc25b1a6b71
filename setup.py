"""The extension list; everything else is in pyproject.toml."""

import os
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

if sys.platform == "win32":
    FLAGS = ["/std:c++17", "/O2", "/fp:precise"]
else:
    # Exactness: no contraction into fused multiply-adds, no fast-math; aarch64 would contract by default.
    FLAGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-pthread", "-g0"]


def extension(name: str, *sources: str) -> Extension:
    return Extension(
        f"perfcore._ext.{name}",
        [f"src/perfcore/_ext/{name}.pyx", *sources],
        depends=[str(header) for header in Path("src/perfcore/_ext").rglob("*.hpp")],
        include_dirs=["src/perfcore/_ext/include", numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        extra_compile_args=FLAGS,
        extra_link_args=[] if sys.platform == "win32" else ["-pthread"],
        language="c++",
    )


setup(
    ext_modules=cythonize(
        [
            extension(
                "forest",
                *(
                    f"src/perfcore/_ext/{isa}/{kernel}.cpp"
                    for isa in ("portable", "avx2", "avx512")
                    for kernel in ("bitslice", "deep", "lanes")
                ),
            ),
            extension("calls"),
            extension("direct"),
            extension("cache"),
            extension("cells"),
            extension("categories"),
            extension("content"),
            extension("features"),
            extension("links"),
            extension("ordered_sum"),
            extension("transforms"),
        ],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "embedsignature": True,
        },
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},
)
