# SPDX-License-Identifier: GPL-2.0-only
"""Reads a pprof profile (github.com/google/pprof, proto/profile.proto) as far as the cases need it:
the frames of each sample with file and line."""
import collections
import gzip

Frame = collections.namedtuple("Frame", "name file line mapped")
Sample = collections.namedtuple("Sample", "values frames labels")  # frames: root first


def fields(data):
    """(number, value) of each field: an int or bytes."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 2:
            size = number()
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            yield tag >> 3, number()


def packed(data):
    return [v for _, v in fields(b"".join(b"\x00" + b for b in split(data)))] if data else []


def split(data):
    start = 0
    for i, byte in enumerate(data):
        if byte < 128:
            yield data[start : i + 1]
            start = i + 1


def one(message, key, default=0):
    return next((v for k, v in fields(message) if k == key), default)


def read(path):
    """All samples."""
    parts = collections.defaultdict(list)
    with gzip.open(path) as f:
        for key, value in fields(f.read()):
            parts[key].append(value)
    strings = [s.decode() for s in parts[6]]
    functions = {one(m, 1): (strings[one(m, 2)], strings[one(m, 4)]) for m in parts[5]}
    locations = {}
    for m in parts[4]:
        lines = [v for k, v in fields(m) if k == 4]
        locations[one(m, 1)] = [Frame(*functions[one(v, 1)], one(v, 2), one(m, 2) != 0) for v in lines]
    samples = []
    for m in parts[2]:
        frames = [f for i in packed(one(m, 1, b"")) for f in locations[i]]
        labels = {strings[one(v, 1)]: strings[one(v, 2)] or one(v, 3) for k, v in fields(m) if k == 3}
        samples.append(Sample(packed(one(m, 2, b"")), frames[::-1], labels))
    return samples
