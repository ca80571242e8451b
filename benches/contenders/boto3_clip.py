"""Puts clips into S3 as one would with boto3: GetClip's payload piped into upload_fileobj.

    boto3_clip.py STREAM BUCKET KEY START END [START END]...        (seconds since 1970)

Each range becomes an object of its own, KEY with its number: what GetClip does not give at once is not joined
here. Prints, as one line of JSON, what the transfers alone took (clients made, data endpoint known), in seconds
of wall and of processor time.
"""

import json
import sys
import time

import boto3


def main(stream, bucket, key, *ends):
    kvs = boto3.client("kinesisvideo")
    s3 = boto3.client("s3")
    endpoint = kvs.get_data_endpoint(StreamName=stream, APIName="GET_CLIP")["DataEndpoint"]
    archived = boto3.client("kinesis-video-archived-media", endpoint_url=endpoint)

    wall, cpu = time.perf_counter(), time.process_time()
    for number, (start, end) in enumerate(zip(ends[::2], ends[1::2])):
        clip = archived.get_clip(
            StreamName=stream,
            ClipFragmentSelector={
                "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                "TimestampRange": {"StartTimestamp": float(start), "EndTimestamp": float(end)},
            },
        )
        s3.upload_fileobj(clip["Payload"], bucket, f"{key}-{number}.mp4", ExtraArgs={"ContentType": "video/mp4"})
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"transfer_wall": wall, "transfer_cpu": cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
