"""Puts a clip into S3 as one would with boto3: GetClip's payload piped into upload_fileobj.

    boto3_clip.py STREAM START END BUCKET KEY        (START and END in seconds since 1970)

Prints, as one line of JSON, what the transfer alone took (clients made, data endpoint known) and what the
process has taken up to that moment, start and imports included: wall and processor time in seconds, and
the largest resident memory in bytes.
"""

import json
import sys
import time

import boto3


def peak_memory():
    # Not ru_maxrss: that starts with the memory of whoever started this process.
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main(stream, start, end, bucket, key):
    kvs = boto3.client("kinesisvideo")
    s3 = boto3.client("s3")
    endpoint = kvs.get_data_endpoint(StreamName=stream, APIName="GET_CLIP")["DataEndpoint"]
    archived = boto3.client("kinesis-video-archived-media", endpoint_url=endpoint)

    wall, cpu = time.perf_counter(), time.process_time()
    clip = archived.get_clip(
        StreamName=stream,
        ClipFragmentSelector={
            "FragmentSelectorType": "PRODUCER_TIMESTAMP",
            "TimestampRange": {"StartTimestamp": float(start), "EndTimestamp": float(end)},
        },
    )
    s3.upload_fileobj(clip["Payload"], bucket, key, ExtraArgs={"ContentType": clip["ContentType"]})
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu

    print(
        json.dumps(
            {
                "transfer_wall": wall,
                "transfer_cpu": cpu,
                "process_cpu": time.process_time(),
                "peak_memory": peak_memory(),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
