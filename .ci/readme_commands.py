"""Print the commands of README's two marked blocks, one a line, so that they cannot rot.

A command block is a fenced ``sh`` block directly below an HTML comment ``<!-- command: … -->``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

BLOCK = re.compile(r"<!-- command: [^>]*-->\s*```sh\n(.*?)\n```", re.DOTALL)

if __name__ == "__main__":
    for block in BLOCK.findall(Path(sys.argv[1]).read_text("utf-8")):
        sys.stdout.write(block.replace("\\\n", " ").replace("\n", " && ") + "\n")
