"""Servers that others wrote, as processes on this machine: stores of S3's kind (s3s-fs, moto) and tus servers (@tus/server,
tuspyserver). What is missing is installed into target/foreign."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOREIGN = ROOT / "target/foreign"
SCRIPTS = ROOT / "crates/protocol-tus/tests/servers"
PYTHON, MODULES = FOREIGN / "py/bin/python", FOREIGN / "js/node_modules"
BUCKET = "media"
# Those that Amazon's documentation has for its examples.
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}


class Missing(Exception):
    """A server that can't be installed here."""


def run(*words, **options):
    """Runs a command that must succeed."""
    subprocess.run([str(word) for word in words], check=True, **options)


def pip(*packages):
    """Installs packages of Python's."""
    if not PYTHON.exists():
        run("python3", "-m", "venv", FOREIGN / "py")
    run(FOREIGN / "py/bin/pip", "install", "--quiet", "--disable-pip-version-check", *packages)


def npm(*packages):
    """Installs packages of Node's."""
    if not shutil.which("npm"):
        raise Missing("npm is missing: install Node.js (apt-get install npm)")
    run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", FOREIGN / "js", *packages)


def free_port():
    """A port that nobody has at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def digest(stream):
    """The SHA-256 of all that can be read."""
    hashed = hashlib.sha256()
    while piece := stream.read(1 << 20):
        hashed.update(piece)
    return hashed.hexdigest()


class Server:
    """A server, with a folder for what it stores. It is ended when the block ends."""

    name = ""
    # What it speaks: s3 or tus.
    speaks = ""
    environment = {}

    def __enter__(self):
        try:
            self.install()
        except subprocess.CalledProcessError as error:
            raise Missing(f"it can't be installed: {error}") from error
        self.folder = Path(tempfile.mkdtemp(prefix="chunkwise-server-"))
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.popen = None
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.popen:
            self.popen.kill()
            self.popen.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, *words, stdout=None):
        environment = {**os.environ, **self.environment}
        stdout = stdout or subprocess.DEVNULL
        self.popen = subprocess.Popen([str(word) for word in words], stdout=stdout, stderr=self.log, text=True, env=environment)

    def fail(self, sentence):
        """Ends with this sentence, and with the last that the server has said."""
        self.log.seek(0)
        sys.exit(f"{self.name}: {sentence}\n{self.log.read()[-2000:]}")

    def wait(self, port):
        """Until it listens."""
        for _ in range(1500):
            if self.popen.poll() is not None:
                self.fail(f"it ended with {self.popen.poll()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        self.fail("it does not listen")


class Store(Server):
    """A store of S3's kind, with a bucket."""

    speaks = "s3"

    def start(self):
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.launch(port)
        self.wait(port)

    def flags(self, key, endpoint=None):
        """What the command line is told for this key."""
        return ["--to", f"s3://{BUCKET}/{key}", "--s3-endpoint", endpoint or self.endpoint]


class S3sFs(Store):
    """s3s-fs: a folder as a store."""

    name, version = "s3s-fs", "0.14.1"

    def install(self):
        self.program = FOREIGN / "s3s/bin/s3s-fs"
        if not self.program.exists():
            words = ["s3s-fs", "--version", self.version, "--features", "binary"]
            run("cargo", "install", "--quiet", "--locked", "--root", FOREIGN / "s3s", *words)

    def launch(self, port):
        (self.folder / BUCKET).mkdir()
        key, secret = KEYS.values()
        keys = ["--access-key", key, "--secret-key", secret]
        self.spawn(self.program, "--host", "127.0.0.1", "--port", port, *keys, self.folder)

    def digest(self, address):
        """The SHA-256 of the object at this address."""
        with (self.folder / address.removeprefix("s3://")).open("rb") as file:
            return digest(file)


class Moto(Store):
    """moto's server: what it stores is in its memory."""

    name = "moto"

    def install(self):
        pip("moto[s3,server]==5.2.5")

    def launch(self, port):
        self.spawn(PYTHON, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])")
        self.wait(port)
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/{BUCKET}", method="PUT")).close()

    def digest(self, address):
        """The SHA-256 of the object at this address."""
        with urllib.request.urlopen(f"{self.endpoint}/{address.removeprefix('s3://')}") as answer:
            return digest(answer)


class TusServer(Server):
    """A tus server that prints its endpoint."""

    speaks = "tus"

    def start(self):
        self.launch()
        self.endpoint = self.popen.stdout.readline().strip()
        if not self.endpoint:
            self.fail(f"it ended with {self.popen.wait()}")
        self.wait(int(self.endpoint.split(":")[2].split("/")[0]))

    def flags(self, _key, endpoint=None):
        """What the command line is told."""
        return ["--to", f"tus+{endpoint or self.endpoint}"]

    def digest(self, address):
        """The SHA-256 of the upload at this address."""
        with (self.folder / address.rsplit("/", 1)[1]).open("rb") as file:
            return digest(file)


class TusNode(TusServer):
    """@tus/server with @tus/file-store."""

    name, environment = "@tus/server", {"NODE_PATH": str(MODULES)}

    def install(self):
        npm("@tus/server@2.4.5", "@tus/file-store@2.1.1")

    def launch(self):
        self.spawn("node", SCRIPTS / "tus_node_server.cjs", self.folder, stdout=subprocess.PIPE)


class TusPy(TusServer):
    """tuspyserver, by uvicorn."""

    name = "tuspyserver"

    def install(self):
        pip("tuspyserver==4.4.3", "uvicorn==0.54.0")

    def launch(self):
        self.spawn(PYTHON, SCRIPTS / "tuspyserver_app.py", self.folder, stdout=subprocess.PIPE)


SERVERS = {server.name: server for server in [S3sFs, Moto, TusNode, TusPy]}


@contextlib.contextmanager
def temporary_file(mib):
    """A file of so many MiB of random bytes, and its SHA-256."""
    with tempfile.TemporaryDirectory(prefix="chunkwise-file-") as folder:
        path, hashed = Path(folder) / "clip.mp4", hashlib.sha256()
        with path.open("wb") as file:
            for _ in range(mib):
                piece = os.urandom(1 << 20)
                hashed.update(piece)
                file.write(piece)
        yield path, hashed.hexdigest()


def json_lines(text):
    """The objects of a text that has one in each line."""
    return [json.loads(line) for line in text.splitlines()]
