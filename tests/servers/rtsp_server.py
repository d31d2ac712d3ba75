"""A real RTSP server with faults, run as a program of its own under the system's Python.

Serves one H.264 file at /cam1 and /cam2 with gst-rtsp-server. Commands on standard input, one a
line: ``freeze PATH`` holds a camera's pictures back, ``thaw PATH`` lets them go on, ``file PATH
NAME`` serves another file from the next session on, ``drop`` closes every session. Says ``ready``
once it listens. Needs Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi.
"""

from __future__ import annotations

import argparse
import sys
import threading

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: E402


class LoopingFile(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]
    """Serves a file paced by its own clock; a valve lets a test freeze it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.valves: list[object] = []
        self.set_shared(False)

    def do_create_element(self, url: object) -> object:
        pipeline = Gst.parse_launch(
            f"filesrc location={self.name} ! qtdemux ! h264parse ! "
            "valve name=valve ! rtph264pay name=pay0 pt=96 config-interval=1"
        )
        self.valves.append(pipeline.get_by_name("valve"))
        return pipeline

    def freeze(self, frozen: bool) -> None:
        for valve in self.valves:
            valve.set_property("drop", frozen)  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", required=True)
    parser.add_argument("--paths", nargs="+", default=["/cam1", "/cam2"])
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(options.port))
    factories = {path: LoopingFile(options.file) for path in options.paths}
    for path, factory in factories.items():
        server.get_mount_points().add_factory(path, factory)
    if not server.attach(None):
        sys.exit("cannot listen")
    loop = GLib.MainLoop()

    def obey() -> None:
        for line in sys.stdin:
            word, *rest = line.split()
            GLib.idle_add(act, word, rest)
        GLib.idle_add(loop.quit)

    def act(word: str, rest: list[str]) -> bool:
        if word in {"freeze", "thaw"}:
            factories[rest[0]].freeze(word == "freeze")
        elif word == "file":
            factories[rest[0]].name = rest[1]
        elif word == "drop":
            server.client_filter(lambda *_: GstRtspServer.RTSPFilterResult.REMOVE)
        sys.stdout.write(f"did {word}\n")
        sys.stdout.flush()
        return False

    threading.Thread(target=obey, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
