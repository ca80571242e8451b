"""Says what MediaInfo's conformance checks find in MP4 files: one line of JSON for each file of the command line.

The whole file is parsed, every coded picture and sound included (parse_speed=1).
"""

import json
import sys

from pymediainfo import MediaInfo


def findings(track):
    extra = track.get("extra", {})
    kinds = ("ConformanceErrors", "ConformanceWarnings", "IsTruncated")
    return {kind: extra[kind] for kind in kinds if kind in extra}


for path in sys.argv[1:]:
    parsed = json.loads(MediaInfo.parse(path, output="JSON", full=True, parse_speed=1))
    tracks = parsed["media"]["track"]
    print(json.dumps({
        "tracks": [track["@type"] for track in tracks],
        "findings": [found for found in map(findings, tracks) if found],
    }))
