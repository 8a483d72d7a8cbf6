"""Reads what the official client's own tests expect of the processor: run in its source distribution's folder.

Its tests register answers with `responses`; wrapping that while they run gives every route with a sample of its
answer. Writes them as JSON lines: method, URL, body.
"""

import json
import sys
import unittest

import responses

seen = []
add = responses.add


def noting(method=None, url=None, body="", *args, **options):
    """Note what a test expects, then register it."""
    seen.append((method, url, body if isinstance(body, str) else None))
    return add(method, url, body, *args, **options)


if __name__ == "__main__":
    sys.path.insert(0, ".")
    responses.add = noting
    unittest.TextTestRunner(stream=sys.stderr).run(unittest.defaultTestLoader.discover("tests", top_level_dir="."))
    for row in dict.fromkeys(seen):
        sys.stdout.write(json.dumps(row) + "\n")
