#!/bin/sh
# The floor: the bytes of GetClip into a PUT, by two curls and a pipe.
#
#     curl_clip.sh DOWNLOAD UPLOAD        (files of options for curl, with requests that were signed before)
set -eu

curl --config "$1" | curl --config "$2"
