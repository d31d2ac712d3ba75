"""What happens when the package is installed or a wheel is built: ``kernels.c`` is compiled.

Owns: the wheel's tag. Never: a failed installation: where there is no compiler, or it refuses, the
engine does without, a little slower, and ``lfr doctor`` says so.
"""

from __future__ import annotations

import sys
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelsHook(BuildHookInterface[Any]):
    """Hatchling calls this before it packs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile beside the source, and mark the wheel as this platform's where that worked."""
        sys.path.insert(0, self.root)
        from lfr_engine.kernels.compiling import LIBRARY, compile_kernels  # noqa: PLC0415

        refused = compile_kernels()
        if refused:
            LIBRARY.unlink(missing_ok=True)
            self.app.display_warning(f"kernels.c is not compiled: {refused}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
