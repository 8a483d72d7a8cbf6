"""A link's address as a picture that a phone reads: SVG, without any script or style of its own. Pure."""

import io

import segno

_QUIET_ZONE = 4


def qr_svg(address: str) -> bytes:
    """Return the QR code of an address, dark on white with the border that readers need; a sixth may be damaged."""
    picture = io.BytesIO()
    code = segno.make_qr(address, error="m")
    # Without a size of its own it takes the page's, and stays square.
    code.save(picture, kind="svg", border=_QUIET_ZONE, dark="#000", light="#fff", xmldecl=False, omitsize=True)
    return picture.getvalue()
