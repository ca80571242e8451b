#!/bin/sh
# Puts clips into S3 as one would in a shell: get-clip into a file, and then `aws s3 cp`.
#
#     aws_clip.sh STREAM BUCKET KEY START END [START END]...        (seconds since 1970)
#
# As boto3_clip.py, object by object. The files are in TMPDIR.
set -eu

stream=$1 bucket=$2 key=$3
shift 3
endpoint=$(aws kinesisvideo get-data-endpoint --stream-name "$stream" --api-name GET_CLIP \
    --query DataEndpoint --output text)
number=0
while [ $# -gt 0 ]; do
    aws kinesis-video-archived-media get-clip --endpoint-url "$endpoint" --stream-name "$stream" \
        --clip-fragment-selector \
        "FragmentSelectorType=PRODUCER_TIMESTAMP,TimestampRange={StartTimestamp=$1,EndTimestamp=$2}" \
        "$TMPDIR/clip.mp4" >"$TMPDIR/answer.json"
    aws s3 cp --only-show-errors "$TMPDIR/clip.mp4" "s3://$bucket/$key-$number.mp4"
    rm "$TMPDIR/clip.mp4"
    number=$((number + 1))
    shift 2
done
