"""The address of a database that no test takes for dead.

The house gives a database up after seconds, because another member may answer. Most tests have one member and are about
something else: a test that holds the event loop, or a disk that stalls, would end whatever is under way.
"""


def patient(url: str) -> str:
    """Return the same address with time for everything; what has its own bounds, such as a transaction, keeps them."""
    return f"{url}&connectTimeoutMS=600000&waitQueueTimeoutMS=20000&wTimeoutMS=20000&socketTimeoutMS=30000"
