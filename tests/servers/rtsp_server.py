"""A real RTSP server, run as a program of its own under the system's Python.

Serves one H.264 file at /cam1 and /cam2 with gst-rtsp-server, and says ``ready`` once it listens.
Its faults come from outside: it is killed, stopped and continued by signals. Needs Debian's
gir1.2-gst-rtsp-server-1.0 and python3-gi. ``tests.servers.rtsp`` starts it.
"""

from __future__ import annotations

import argparse
import sys

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: E402


class PacedFile(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]
    """Serves a file paced by its own clock, from its start in every session."""

    def __init__(self, name: str) -> None:
        super().__init__()
        demux = "tsdemux" if name.endswith(".ts") else "qtdemux"
        self.set_launch(
            f"( filesrc location={name} ! {demux} ! h264parse ! "
            "rtph264pay name=pay0 pt=96 config-interval=1 )"
        )


def guard(server: object, factories: dict[str, PacedFile], user: str, password: str) -> None:
    """Let nobody in without the password (basic authentication)."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)  # type: ignore[attr-defined]
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    for factory in factories.values():
        factory.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", required=True)
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--paths", nargs="+", default=["/cam1", "/cam2"])
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(options.port))
    factories = {path: PacedFile(options.file) for path in options.paths}
    for path, factory in factories.items():
        server.get_mount_points().add_factory(path, factory)
    if options.password:
        guard(server, factories, options.user, options.password)
    if not server.attach(None):
        sys.exit("cannot listen")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
