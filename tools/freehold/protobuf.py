# SPDX-License-Identifier: MIT
"""Protocol Buffers as bytes: a message is its fields, one after the other."""
VARINT, BYTES = 0, 2


def varint(value):
    """Seven bits a byte, the lowest first. A negative number is one of 64 bits."""
    value &= (1 << 64) - 1
    done = bytearray()
    while value > 0x7f:
        done.append(value & 0x7f | 0x80)
        value >>= 7
    done.append(value)
    return bytes(done)


def number(field, value):
    """A field with a number, which is left out if it is 0, as that is what a reader takes it for."""
    return varint(field << 3 | VARINT) + varint(value) if value else b""


def content(field, value):
    """A field with bytes, or a message."""
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def numbers(field, values):
    """A field with any count of numbers, packed."""
    return content(field, b"".join(map(varint, values)))
