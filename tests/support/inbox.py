"""A mail server (Debian's aiosmtpd: STARTTLS, AUTH) and an HTTPS webhook, for tests/alerts.rs.

usage: inbox.py DIR SMTP_PORT HTTPS_PORT USER PASSWORD

What arrives is written to DIR/mail/N.eml and DIR/hook/N.json, the recipient's address or the request's headers in N.to. How the servers behave
stands in DIR/mood: ok, defer, refuse, hang, drop (it is taken, and the answer is lost).
"""

import asyncio
import http.server
import os
import ssl
import sys
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

folder, smtp_port, https_port, user, password = sys.argv[1:]
for name in ("mail", "hook"):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
lock = threading.Lock()


def mood():
    try:
        with open(os.path.join(folder, "mood")) as file:
            return file.read().strip()
    except FileNotFoundError:
        return "ok"


def keep(name, ending, content, beside):
    with lock:
        place = os.path.join(folder, name)
        number = len([file for file in os.listdir(place) if file.endswith(ending)]) + 1
        with open(os.path.join(place, f"{number}.to"), "w") as file:
            file.write(beside)
        draft = os.path.join(place, f"{number}.draft")
        with open(draft, "wb") as file:
            file.write(content)
        os.rename(draft, os.path.join(place, f"{number}{ending}"))


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    return context


class Mails:
    async def handle_DATA(self, server, session, envelope):
        now = mood()
        if now == "defer":
            return "451 4.7.1 Come back later"
        if now == "refuse":
            return "550 5.7.1 We do not know you"
        if now == "hang":
            await asyncio.sleep(3600)
        keep("mail", ".eml", envelope.content, ",".join(envelope.rcpt_tos))
        if now == "drop":
            server.transport.abort()
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=known, handled=known)


class Hooks(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.send_response(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        now = mood()
        if now == "hang":
            time.sleep(3600)
        status = {"defer": 503, "refuse": 403}.get(now, 204)
        if status == 204:
            keep("hook", ".json", body, self.path + "\n" + str(self.headers))
        if now == "drop":
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(https_port)), Hooks)
server.daemon_threads = True
server.socket = tls().wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=server.serve_forever, daemon=True).start()
mails = Controller(
    Mails(),
    hostname="127.0.0.1",
    port=int(smtp_port),
    tls_context=tls(),
    require_starttls=True,
    auth_required=True,
    authenticator=authenticate,
)
mails.start()
print("ready", flush=True)
sys.stdin.read()
mails.stop()
