#!/usr/bin/env bash
# Makes the footage beside this script. Needs ffmpeg with libx264 and libx265, and the DejaVu fonts
# (Debian: apt-get install ffmpeg fonts-dejavu-core). Run it from anywhere; it overwrites the files.
set -euo pipefail
cd "$(dirname "$0")"

font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# picture SECONDS LABEL [RATE]: a moving test picture under a running clock, 320x180, 25 frames a second unless told. Tenths are cut,
# not rounded, and the small constant keeps a frame time such as 1.2 s from showing as 1.1.
picture() {
    local clock='%{eif\:floor(mod((t+0.001)/60\,60))\:d\:2}\:%{eif\:floor(mod(t+0.001\,60))\:d\:2}.%{eif\:floor(mod((t+0.001)*10\,10))\:d\:1}'
    printf "testsrc2=size=320x180:rate=%s:duration=%s,drawbox=x=0:y=62:w=320:h=84:color=black@0.8:t=fill," "${3:-25}" "$1"
    printf "drawtext=fontfile=%s:text='%s':fontcolor=white:fontsize=48:x=(w-text_w)/2:y=70," "$font" "$clock"
    printf "drawtext=fontfile=%s:text='%s':fontcolor=white:fontsize=14:x=(w-text_w)/2:y=124,format=yuv420p" "$font" "$2"
}

# sound RATE SECONDS: a tenth of a second of 880 Hz at each full second, 1760 Hz at the full minute.
sound() {
    printf "aevalsrc='0.4*lt(mod(t,1),0.1)*sin(2*PI*if(lt(mod(t,60),1),1760,880)*t)':s=%s:d=%s" "$1" "$2"
}

# Every key frame is an IDR picture, exactly every 50 frames (2 s), and no group refers to another: a fragment can be cut at each.
quiet=(-hide_banner -loglevel warning -y -bitexact)
x264=(-c:v libx264 -profile:v high -preset veryslow -b:v 64k -maxrate 90k -bufsize 90k -g 50 -keyint_min 50 -sc_threshold 0 -threads 1)

# Two minutes, H.264 High without B-frames, AAC-LC 16 kHz mono: 3,000 frames and exactly 1,875 AAC frames of 1,024 samples.
# The sound is cut out of the middle of three loops, so that the last AAC frame runs into the first without a click
# and no encoder delay is left: frame 1876 of the whole is the first whose 1,024 samples begin at 120 s.
ffmpeg "${quiet[@]}" -f lavfi -i "$(picture 120 'H.264 + AAC-LC')" "${x264[@]}" -bf 0 "$scratch/picture.mp4"
ffmpeg "${quiet[@]}" -f lavfi -i "$(sound 16000 360)" -c:a aac -profile:a aac_low -b:a 20k "$scratch/sound.aac"
ffmpeg "${quiet[@]}" -i "$scratch/picture.mp4" -i "$scratch/sound.aac" -map 0:v -map 1:a -c copy \
    -bsf:a "noise=drop=lt(n\,1876)+gte(n\,3751),aac_adtstoasc,setts=ts=N*1024:duration=1024:time_base=1/16000" \
    -movflags +faststart clock-h264-aac.mp4

# One minute, H.265 alone, sample entry hvc1.
ffmpeg "${quiet[@]}" -f lavfi -i "$(picture 60 'H.265')" -c:v libx265 -preset slow -b:v 64k -tag:v hvc1 \
    -x265-params "log-level=warning:keyint=50:min-keyint=50:scenecut=0:open-gop=0:bframes=0:repeat-headers=0:info=0:vbv-maxrate=90:vbv-bufsize=90" \
    -movflags +faststart clock-h265.mp4

# One minute, H.264 with B-frames in closed groups; its sound is G.711 A-law, 8 kHz mono, one byte a sample, without a container.
ffmpeg "${quiet[@]}" -f lavfi -i "$(picture 60 'H.264 B-frames + A-law')" "${x264[@]}" -bf 2 -x264-params open-gop=0 \
    -movflags +faststart clock-h264-bframes.mp4
ffmpeg "${quiet[@]}" -f lavfi -i "$(sound 8000 60)" -c:a pcm_alaw -f alaw clock-alaw.al

# One minute, H.264 at 30 frames a second with a key frame every 15 (0.5 s), AAC-LC 32 kHz mono: 1,800 frames and exactly 1,875 AAC
# frames, cut out of the middle of three loops as above: frame 1876 of the whole is the first that begins at 60 s. The rate is
# 30, since half a second is no whole number of frames at 25.
ffmpeg "${quiet[@]}" -f lavfi -i "$(picture 60 'H.264, key frame each 0.5 s' 30)" -c:v libx264 -profile:v high -preset veryslow -b:v 80k \
    -maxrate 110k -bufsize 110k -g 15 -keyint_min 15 -sc_threshold 0 -bf 0 -threads 1 "$scratch/half.mp4"
ffmpeg "${quiet[@]}" -f lavfi -i "$(sound 32000 180)" -c:a aac -profile:a aac_low -b:a 24k "$scratch/half.aac"
ffmpeg "${quiet[@]}" -i "$scratch/half.mp4" -i "$scratch/half.aac" -map 0:v -map 1:a -c copy \
    -bsf:a "noise=drop=lt(n\,1876)+gte(n\,3751),aac_adtstoasc,setts=ts=N*1024:duration=1024:time_base=1/32000" \
    -movflags +faststart clock-h264-half-second.mp4
