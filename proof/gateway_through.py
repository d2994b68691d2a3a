"""proof/gateway through: media_url from a slow origin, and how much longer it takes than the origin's own transfer."""

import os
import socket
import threading
import time

from gateway_processes import MEGABYTES, Folder, Gateway, Sandbox, Video, check_whole, fail, new_key, record, request

SIZE = MEGABYTES << 20
RATE = float(os.environ.get("RATE", 40)) * 1e6


class Origin:
    """Serves one video at RATE bytes a second, over plain sockets, and takes the time."""

    def __init__(self, video):
        self.video, self.seconds = video, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                began, sent = time.monotonic(), 0
                head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {self.video.size}\r\n\r\n"
                connection.sendall(head.encode())
                for part in self.video.parts():
                    for at in range(0, len(part), 65536):
                        connection.sendall(part[at : at + 65536])
                        sent += len(part[at : at + 65536])
                        ahead = sent / RATE - (time.monotonic() - began)
                        if ahead > 0:
                            time.sleep(ahead)
                self.seconds = time.monotonic() - began


with Folder() as folder:
    key = new_key(folder, "client")
    with Sandbox(folder, "--processing", "0s") as sandbox:
        for case, index_at_end in (("index in front", False), ("index at the end", True)):
            video = Video(7, SIZE, index_at_end)
            origin = Origin(video)
            settings = f"[fetch]\nallow_networks = ['127.0.0.1/32']\nallow_ports = [{origin.port}]\n"
            with Gateway(folder, sandbox, settings) as gateway:
                body = f'{{"auth_token": "{sandbox.token}", "media_url": "http://127.0.0.1:{origin.port}/v.mp4"}}'
                headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
                began = time.monotonic()
                status, _, answer = request("POST", f"{gateway.url}/twitter/media/upload", headers, body)
                seconds = time.monotonic() - began
                if status != 200:
                    fail(f"{case}: {status} {answer}")
                check_whole(sandbox, answer["data"]["media_id"], video.sha256())
                record(
                    "through",
                    f"{MEGABYTES} MiB at {RATE / 1e6:.0f} MB/s, {case}",
                    {
                        "origin's seconds": f"{origin.seconds:.2f}",
                        "all seconds": f"{seconds:.2f}",
                        "ratio": f"{seconds / origin.seconds:.3f}",
                        "peak MiB (VmHWM)": f"{gateway.memory('VmHWM') / 2**20:.1f}",
                    },
                )
