"""The processes of proof/gateway, the videos that go through them, and the log."""

import base64
import datetime
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import urllib.parse

CHUNKWISE = os.environ["CHUNKWISE"]
CLIP = os.path.join(os.path.dirname(__file__), "../crates/cli/assets/clip.mp4")
LOG = os.path.join(os.path.dirname(__file__), "gateway.tsv")
MEGABYTES = int(os.environ.get("MEGABYTES", 512))
# Divisible by three, so that its base64 has no padding.
PIECE = 3 << 18


def record(part, case, figures):
    """Prints figures, and adds a line for each of them to the log."""
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%FT%TZ")
    for figure, value in figures.items():
        print(f"{part:<8} {case:<36} {figure:<28} {value}", flush=True)
    if "BRIEF" in os.environ:
        return
    new = not os.path.exists(LOG)
    with open(LOG, "a", encoding="utf-8") as log:
        if new:
            log.write("date\tpart\tcase\tfigure\tvalue\n")
        for figure, value in figures.items():
            log.write(f"{date}\t{part}\t{case}\t{figure}\t{value}\n")


def fail(sentence):
    """Ends with this sentence, and with the last that the processes have said."""
    for process in Process.all:
        process.errors.seek(0)
        said = process.errors.read()[-2000:]
        if said:
            print(f"{process.popen.args[2]} said: …{said}", file=sys.stderr)
    sys.exit(f"failed: {sentence}")


class Folder:
    """A temporary folder that is removed at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="chunkwise-proof-")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A chunkwise that says in its first line where it is."""

    all = []

    def __init__(self, *args):
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        pipe = subprocess.PIPE
        self.popen = subprocess.Popen([CHUNKWISE, "--json", *args], stdin=pipe, stdout=pipe, stderr=self.errors)
        Process.all.append(self)
        line = self.popen.stdout.readline()
        if not line:
            fail(f"chunkwise {' '.join(args)} ended with {self.popen.wait()}")
        self.said = json.loads(line)

    def memory(self, field):
        """A field of /proc/PID/status, in bytes."""
        with open(f"/proc/{self.popen.pid}/status", encoding="utf-8") as status:
            line = next(line for line in status if line.startswith(f"{field}:"))
        return int(line.split()[1]) * 1024

    def processor_seconds(self):
        """What it has used of the processors."""
        with open(f"/proc/{self.popen.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        """As `kill -9` does."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


class Sandbox(Process):
    """X's place."""

    def __init__(self, folder, *args):
        super().__init__("sandbox", "--no-https", "--until-stdin-ends", "--directory", folder, *args)
        self.url, self.token = self.said["base_url"], self.said["token"]

    def control(self, path):
        """What its control says."""
        return get(f"{self.url}/_sandbox/{path}")


class Gateway(Process):
    """`chunkwise serve`, with X where the sandbox is. It is on one port as often as it is started."""

    def __init__(self, folder, sandbox, settings="", port=0):
        self.folder = os.path.join(folder, "gateway")
        os.makedirs(self.folder, exist_ok=True)
        file = os.path.join(folder, "gateway.toml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"x.base_url = '{sandbox.url}'\n{settings}")
        addresses = ["--listen", f"127.0.0.1:{port}", "--admin", "127.0.0.1:0"]
        super().__init__("serve", "--settings", file, "--gateway-dir", self.folder, *addresses)
        self.url = self.said["url"]


def new_key(folder, label):
    """An API key of the gateway whose folder is in here."""
    place = os.path.join(folder, "gateway")
    os.makedirs(place, exist_ok=True)
    made = subprocess.run(
        [CHUNKWISE, "--json", "keys", "--gateway-dir", place, "create", label], check=True, capture_output=True
    )
    return json.loads(made.stdout)["api_key"]


def free_port():
    """A port that nobody has at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def request(method, url, headers=None, body=None, timeout=600, deaf=None):
    """The status, the headers and the JSON of an answer; one that is deaf waits for an event, and has heard nothing."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        try:
            connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers or {})
        except (BrokenPipeError, ConnectionResetError):
            # It may have been answered before the body's end.
            pass
        if deaf:
            deaf.wait()
            raise ConnectionAbortedError
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def get(url, key=None):
    """The JSON at a URL, which must be there."""
    status, _, body = request("GET", url, {"Authorization": f"Bearer {key}"} if key else {})
    if status != 200:
        fail(f"GET {url}: {status} {body}")
    return body


class Video:
    """A playable MP4 of this size whose frames are followed by bytes of its own; the index is at one end or the other."""

    def __init__(self, seed, size, index_at_end=False):
        with open(CLIP, "rb") as clip:
            clip = clip.read()
        boxes, at = {}, 0
        while at < len(clip):
            (length,) = struct.unpack_from(">I", clip, at)
            boxes[clip[at + 4 : at + 8]] = clip[at : at + length]
            at += length
        moov, frames = boxes[b"moov"], boxes[b"mdat"][8:]
        self.size, self.filler = size, size - len(clip) + len(boxes[b"free"])
        mdat = struct.pack(">I4s", 8 + len(frames) + self.filler, b"mdat") + frames
        # The clip has its index in front, and an empty box behind it.
        moved = -len(boxes[b"free"]) - (len(moov) if index_at_end else 0)
        moov = shifted(moov, moved)
        self.head = boxes[b"ftyp"] + (b"" if index_at_end else moov) + mdat
        self.tail = moov if index_at_end else b""
        self.block = random.Random(seed).randbytes(1 << 20)

    def parts(self):
        """Its bytes, in parts of any length."""
        yield self.head
        left, number = self.filler, 0
        while left > 0:
            block = struct.pack(">Q", number) + self.block[8:]
            yield block[:left]
            left, number = left - len(block), number + 1
        yield self.tail

    def pieces(self):
        """Its bytes, in pieces of PIECE but for the last."""
        held = bytearray()
        for part in self.parts():
            held += part
            while len(held) >= PIECE:
                yield bytes(held[:PIECE])
                del held[:PIECE]
        if held:
            yield bytes(held)

    def sha256(self):
        digest = hashlib.sha256()
        for part in self.parts():
            digest.update(part)
        return digest.hexdigest()

    def body(self, token):
        """A request's JSON with it as media_data: its length, and its bytes as they are made."""
        before = json.dumps({"auth_token": token, "media_type": "video/mp4"})[:-1] + ', "media_data": "'
        after = b'"}'

        def made():
            yield before.encode()
            for piece in self.pieces():
                yield base64.b64encode(piece)
            yield after

        return len(before) + (self.size + 2) // 3 * 4 + len(after), made()


def shifted(moov, by):
    """A moov whose chunks are so many bytes further on."""
    moov = bytearray(moov)

    def walk(at, end):
        while at < end:
            length, kind = struct.unpack_from(">I4s", moov, at)
            if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
                walk(at + 8, at + length)
            elif kind == b"stco":
                (count,) = struct.unpack_from(">I", moov, at + 12)
                offsets = struct.unpack_from(f">{count}I", moov, at + 16)
                struct.pack_into(f">{count}I", moov, at + 16, *(offset + by for offset in offsets))
            at += length

    walk(0, len(moov))
    return bytes(moov)


def upload(gateway, key, token, video, headers=None, slowed=lambda parts: parts, deaf=None):
    """The answer to a video as media_data."""
    length, parts = video.body(token)
    all_headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Length": str(length),
        **(headers or {}),
    }
    return request("POST", f"{gateway}/twitter/media/upload", all_headers, slowed(parts), deaf=deaf)


def check_whole(sandbox, media_id, digest):
    """Fails unless the sandbox has exactly this under that id."""
    media = sandbox.control(f"media/{media_id}")
    if media["sha256"] != digest:
        fail(f"media {media_id} is not what was sent: {media}")
