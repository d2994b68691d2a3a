"""A relay that counts: between a client and a server, at a rate of its own."""

import socket
import threading
import time


class Relay:
    """Listens on a port of its own; what comes goes to the server at `port`, at so many bytes a second in all."""

    PIECE = 64 << 10

    def __init__(self, port, rate):
        self.port, self.rate = port, rate
        self.came, self.lock, self.due = 0, threading.Lock(), time.monotonic()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            for source, sink, counted in [(client, server, True), (server, client, False)]:
                threading.Thread(target=self._copy, args=(source, sink, counted), daemon=True).start()

    def _copy(self, source, sink, counted):
        try:
            while piece := source.recv(self.PIECE):
                if counted:
                    self._count(len(piece))
                sink.sendall(piece)
        except OSError:
            pass
        finally:
            # Whoever is at the other end learns that this one is gone.
            for end in [source, sink]:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _count(self, more):
        with self.lock:
            self.came += more
            self.due = max(self.due, time.monotonic()) + more / self.rate
            wait = self.due - time.monotonic()
        if wait > 0:
            time.sleep(wait)

    def close(self):
        self.listener.close()
