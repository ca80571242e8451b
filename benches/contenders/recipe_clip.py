"""Puts a long clip into S3 as one would without this function: GetClip by chunks of time, joined by ffmpeg.

    recipe_clip.py STREAM BUCKET KEY START END        (START and END in seconds since 1970)

Nothing here is measured or tuned: it is the script that people write.
"""

import os
import subprocess
import sys
import tempfile
import time

import boto3

# A round figure, of which 4.5 Mbit/s stay under the 100 MB at which GetClip stops in silence.
CHUNK_SECONDS = 120


def get_clip(archived, stream, start, end):
    """GetClip, again after a second where it came too fast for the stream's quota: boto3 does not see to that."""
    while True:
        try:
            return archived.get_clip(
                StreamName=stream,
                ClipFragmentSelector={
                    "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                    "TimestampRange": {"StartTimestamp": start, "EndTimestamp": end},
                },
            )
        except archived.exceptions.ClientLimitExceededException:
            time.sleep(1)


def main(stream, bucket, key, start, end):
    kvs = boto3.client("kinesisvideo")
    endpoint = kvs.get_data_endpoint(StreamName=stream, APIName="GET_CLIP")["DataEndpoint"]
    archived = boto3.client("kinesis-video-archived-media", endpoint_url=endpoint)

    with tempfile.TemporaryDirectory() as folder:
        chunks = []
        while start < end:
            # Both ends are included, and boto3 sends whole seconds: one less, or a fragment comes twice.
            clip = get_clip(archived, stream, start, min(start + CHUNK_SECONDS, end) - 1)
            chunks.append(os.path.join(folder, f"{len(chunks):04}.mp4"))
            with open(chunks[-1], "wb") as chunk:
                for piece in clip["Payload"].iter_chunks(1024 * 1024):
                    chunk.write(piece)
            start += CHUNK_SECONDS

        listing = os.path.join(folder, "list.txt")
        with open(listing, "w", encoding="utf-8") as file:
            file.writelines(f"file '{chunk}'\n" for chunk in chunks)
        whole = os.path.join(folder, "out.mp4")
        subprocess.run(
            ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "concat", "-safe", "0", "-i", listing]
            + ["-c", "copy", "-movflags", "+faststart", whole],
            check=True,
        )
        boto3.client("s3").upload_file(whole, bucket, f"{key}.mp4", ExtraArgs={"ContentType": "video/mp4"})


if __name__ == "__main__":
    main(*sys.argv[1:4], float(sys.argv[4]), float(sys.argv[5]))
