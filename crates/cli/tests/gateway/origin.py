"""Serves the files of a folder: origin.py FOLDER ADDRESS PORT [CERTIFICATE KEY]. Prints the port; ends with stdin."""

import functools
import http.server
import os
import ssl
import sys
import threading

folder, address, port, *tls = sys.argv[1:]


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer((address, int(port)), functools.partial(Handler, directory=folder))
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
