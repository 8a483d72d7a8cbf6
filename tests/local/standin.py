"""A process that plays the API, the simulator or the worker for the supervisor's tests: ROLE [OPTION...]."""

import argparse
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in ("/health/ready", "/_sim/health") else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "0")))
    parser.add_argument("--seed-data", action="store_true")
    parser.add_argument("--reload", action="store_true")
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--die-once", type=Path)
    parser.add_argument("--die-after", type=float)
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--with-child", action="store_true")
    options = parser.parse_args()
    if options.role == "seed":
        account = {"email": "demo@example.com", "key_id": "key_demo", "database": os.environ["MONGODB_URL"]}
        sys.stdout.write(json.dumps(account))
        return
    if options.fail:
        sys.exit("SECRET_KEY is empty")
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.with_child:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    line = {"level": "warning", "event": f"{options.role} speaks", "pid": os.getpid()}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    if options.die_once and not options.die_once.exists():
        options.die_once.touch()
        options.die_after = 0.3
    if options.die_after is not None:
        threading.Timer(options.die_after, os._exit, [3]).start()
    if options.role == "worker":
        Path(os.environ["WORKER_READY_FILE"]).write_text("ready\n")
        time.sleep(600)
    http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Healthy).serve_forever()


if __name__ == "__main__":
    main()
