from __future__ import annotations

import subprocess
import sys

# Threads that each take and give back pictures, as the readers of cameras that reconnect do; what
# they leave behind is measured against one thread's.
CODE = """
import sys, threading
import numpy as np
from lfr_engine.evaluation.bench.process import resident_mb
from lfr_engine.runtime.memory import give_back_large_blocks
assert give_back_large_blocks() == (sys.platform == "linux")
def read(hold):
    pictures = [np.ones(2_000_000, np.uint8) for _ in range(8)]
    hold += [np.ones(90_000, np.uint8), pictures.pop()]
    del pictures
before, held = resident_mb(), []
for _ in range(12):
    thread = threading.Thread(target=read, args=(held,))
    thread.start()
    thread.join()
print(resident_mb() - before - sum(kept.nbytes for kept in held) / 1e6)
"""


def test_memory_of_pictures_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 16  # MB: what two pictures take
