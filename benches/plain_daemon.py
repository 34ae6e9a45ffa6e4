"""What one would write in an evening: a key cabinet's daemon in plain Python, to compare memory with. Standard library only.

usage: plain_daemon.py DATABASE UPSD_PORT
"""
import hashlib
import http.server
import json
import socket
import sqlite3
import sys
import threading
import time

database, ups_port = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect(database, check_same_thread=False)
db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS slot (slot INTEGER PRIMARY KEY, holder TEXT)")
state = {}


def poll():
    while True:
        try:
            with socket.create_connection(("127.0.0.1", ups_port), 2) as upsd:
                upsd.sendall(b"GET VAR office ups.status\n")
                state["ups"] = upsd.makefile().readline()
        except OSError:
            state["ups"] = "unreachable"
        time.sleep(5)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(db.execute("SELECT slot, holder FROM slot").fetchall()).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


# One PIN check, as the daemon beside it has made one.
hashlib.scrypt(b"482913", salt=b"0" * 16, n=1 << 14, r=8, p=1)
threading.Thread(target=poll, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page).serve_forever()
