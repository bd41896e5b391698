"""Files of models, made without TensorFlow: graphs in the wire format, with the right names."""

from collections.abc import Sequence

from detection.graph_file import INPUT, OUTPUTS

NODES = tuple(tensor.removesuffix(":0") for tensor in (INPUT, *OUTPUTS))


def graph(names: Sequence[str] = NODES, padding: bytes = b"") -> bytes:
    """A GraphDef whose nodes have these names, and one more that holds the padding."""
    nodes = [_field(1, _field(1, name.encode()) + _field(2, b"Placeholder")) for name in names]
    large = _field(1, _field(1, b"weights") + _field(5, padding))
    versions = _field(4, b"\x08\x86\x01")
    return b"".join([*nodes, large, versions])


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])
