"""What is done to the lines, and the documents that they become."""

import json
import unicodedata
from collections.abc import Sequence

_LINES_A_PAGE = 56


def tidy(line: str) -> str:
    """Return a line with ligatures and full-width characters replaced, and its spaces made single."""
    return " ".join(unicodedata.normalize("NFKC", line).split())


def as_json(lines: Sequence[str]) -> bytes:
    """Return the lines as a JSON document."""
    return json.dumps({"lines": lines}, ensure_ascii=False).encode()


def as_text(lines: Sequence[str]) -> bytes:
    """Return the lines as plain text."""
    return "".join(f"{line}\n" for line in lines).encode()


def as_pdf(lines: Sequence[str]) -> bytes:
    """Return the lines as a PDF, in its built-in Latin typeface; what that has no letter for becomes `?`."""
    pages = [lines[start : start + _LINES_A_PAGE] for start in range(0, len(lines), _LINES_A_PAGE)] or [[]]
    # Objects 1 and 2 are the catalogue and the list of pages, 3 is the typeface, then two for each page.
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        shown = b"".join(b"(" + _escaped(line) + b") Tj T*\n" for line in page)
        content = b"BT /F1 11 Tf 13 TL 56 780 Td\n" + shown + b"ET"
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            + f"/Contents {5 + 2 * number} 0 R >>".encode(),
            f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream",
        ]
    return _file(objects)


def _escaped(line: str) -> bytes:
    text = line.encode("cp1252", "replace")
    return text.replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")


def _file(objects: Sequence[bytes]) -> bytes:
    document = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(document))
        document += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = len(document)
    document += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    document += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    document += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(document)
