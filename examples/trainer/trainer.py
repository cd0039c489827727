#!/usr/bin/python3
"""A trainer for `manx train join`: logistic regression in Python's standard library.

It reads one line of JSON and float32 parameters on standard input, trains on the
examples in its folder, and writes the same on standard output. README.md tells how
PyTorch takes the place of the loop.
"""

import array
import json
import math
import random
import sys

STEPS, BATCH, RATE = 40, 16, 0.1


def read_floats(stream, count):
    values = array.array("f")
    values.frombytes(stream.read(4 * count))
    if sys.byteorder == "big":
        values.byteswap()
    return values


def main():
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    asked = json.loads(stdin.readline())
    n, inputs = asked["examples"], asked["inputs"]
    start = read_floats(stdin, asked["parameters"])  # a weight for each input, then the bias
    if len(start) != inputs + 1:
        sys.exit("this trainer knows logistic regressions: %d parameters for %d inputs" % (inputs + 1, inputs))
    with open("examples.f32", "rb") as f:
        x = read_floats(f, n * inputs)
    if asked.get("score"):  # how good are these parameters? a logit for each row
        scores = [start[inputs] + sum(a * b for a, b in zip(start, x[i * inputs:(i + 1) * inputs])) for i in range(n)]
        return answer(stdout, "scores", scores)
    with open("labels.f32", "rb") as f:
        y = read_floats(f, n)
    rng = random.Random(asked["seed"] * 1000003 + asked["round"])
    w, pull = list(start), asked.get("proximal", 0.0)
    for _ in range(STEPS):
        grad = [pull * (a - b) for a, b in zip(w, start)]
        for i in rng.sample(range(n), min(BATCH, n)):
            row = x[i * inputs:(i + 1) * inputs]
            z = w[inputs] + sum(a * b for a, b in zip(w, row))
            error = (1 / (1 + math.exp(-max(-30.0, min(30.0, z)))) - y[i]) / min(BATCH, n)
            for j, v in enumerate(row):
                grad[j] += error * v
            grad[inputs] += error
        w = [a - RATE * g for a, g in zip(w, grad)]
    answer(stdout, "parameters", w)


def answer(stdout, what, values):
    out = array.array("f", values)
    if sys.byteorder == "big":
        out.byteswap()
    stdout.write(json.dumps({"manx_trainer": 1, what: len(out)}).encode() + b"\n" + out.tobytes())


main()
