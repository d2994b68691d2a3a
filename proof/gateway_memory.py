"""proof/gateway memory: many large uploads of media_data at once, and what the gateway needs at the most."""

import os
import threading
import time

from gateway_processes import MEGABYTES, Folder, Gateway, Sandbox, Video, check_whole, fail, new_key, record, upload

COUNT = int(os.environ.get("COUNT", 8))
SIZE = MEGABYTES << 20
# What is set for media in memory, and as much again twice for everything else.
BAR = (32 + 64) << 20

with Folder() as folder:
    videos = [Video(seed, SIZE) for seed in range(COUNT)]
    digests = [video.sha256() for video in videos]
    keys = [new_key(folder, f"client {n}") for n in range(COUNT)]
    with Sandbox(folder, "--processing", "0s") as sandbox, Gateway(folder, sandbox) as gateway:
        idle = gateway.memory("VmRSS")
        answers, again, start = [None] * COUNT, [0] * COUNT, threading.Barrier(COUNT + 1)

        def client(n):
            start.wait()
            while True:
                status, headers, body = upload(gateway.url, keys[n], sandbox.token, videos[n])
                answers[n] = status, body
                if status != 503:
                    return
                # As the gateway asks for it.
                again[n] += 1
                time.sleep(float(headers["Retry-After"]))

        clients = [threading.Thread(target=client, args=(n,)) for n in range(COUNT)]
        for thread in clients:
            thread.start()
        start.wait()
        began = time.monotonic()
        for thread in clients:
            thread.join()
        seconds = time.monotonic() - began
        peak, processor = gateway.memory("VmHWM"), gateway.processor_seconds()
        for n, answer in enumerate(answers):
            if answer is None or answer[0] != 200:
                fail(f"upload {n}: {answer}")
            check_whole(sandbox, answer[1]["data"]["media_id"], digests[n])
        record(
            "memory",
            f"{COUNT} x {MEGABYTES} MiB at once",
            {
                "peak MiB (VmHWM)": f"{peak / 2**20:.1f}",
                "bar MiB": f"{BAR / 2**20:.0f}",
                "idle MiB (VmRSS)": f"{idle / 2**20:.1f}",
                "seconds": f"{seconds:.1f}",
                "MB/s of media": f"{COUNT * SIZE / 1e6 / seconds:.0f}",
                "gateway's processor seconds": f"{processor:.1f}",
                "503, and asked again": sum(again),
                "SHA-256 equal": f"{COUNT} of {COUNT}",
            },
        )
        if peak > BAR:
            fail(f"{peak / 2**20:.1f} MiB are more than {BAR / 2**20:.0f}")
