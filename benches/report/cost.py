"""What a thousand clips cost on Lambda, computed from the figures. Prices are us-east-1's list prices of 2026."""

from figures import MB, MIB, table

MEMORIES = (128, 256, 512)

# USD for a GB-second on arm64.
GB_SECOND = 0.0000133334

# USD for a request to S3: those that write or list, and the others. AbortMultipartUpload is free.
WRITE, READ = 0.005 / 1000, 0.0004 / 1000
READS = {"HeadObject", "GetObject", "GetObjectTagging", "HeadBucket"}
KVS = {"GetDataEndpoint", "DescribeStream", "GetClip", "ListFragments"}

# USD for a GB that Kinesis Video Streams hands out. Its requests cost nothing.
CONSUMED = 0.0085

# A function of so many MB has one whole core (Lambda Developer Guide, "Configure Lambda function memory").
CORE = 1769


def requests(calls):
    """USD for the requests of one export."""
    s3 = {name: count for name, count in calls.items() if name not in KVS}
    return sum(count * (READ if name in READS else WRITE) for name, count in s3.items())


def seconds(case, way, megabytes):
    """How long an export takes in a function of that size, or None where it does not fit.

    As long as its processor time with that share of a core, or as it took over the network. What a process does once
    is left out where it can be.
    """
    if case.median(way, "peak_memory") > megabytes * MIB:
        return None
    pick = lambda part: case.median(way, f"transfer_{part}") or case.median(way, part)
    return max(pick("wall"), pick("cpu") * CORE / megabytes)


def costs(case):
    """A row for each way that makes the whole transfer."""
    head = ["USD for 1,000 clips", *(f"{m} MB: s" for m in MEMORIES), *(f"{m} MB" for m in MEMORIES)]
    head += ["S3 requests", "KVS bytes", "least sum"]
    rows = []
    for way in (way for way in case.ways if "alone" not in way and way != "curl"):
        took = [seconds(case, way, megabytes) for megabytes in MEMORIES]
        lambdas = [s and 1000 * s * m / 1024 * GB_SECOND for s, m in zip(took, MEMORIES)]
        asked = 1000 * requests(case.calls(way))
        consumed = 1000 * case.median(way, "bytes") / (1e3 * MB) * CONSUMED
        fits = [value for value in lambdas if value]
        show = lambda value, digits: "does not fit" if value is None else f"{value:.{digits}f}"
        rows.append(
            [way, *(show(s, 1) for s in took), *(show(value, 3) for value in lambdas)]
            + [f"{asked:.3f}", f"{consumed:.3f}", f"{min(fits) + asked + consumed:.3f}" if fits else "–"]
        )
    return table(head, rows)
