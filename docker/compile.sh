#!/usr/bin/env bash
# Build a TensorRT plan from an ONNX model, in edgefer's container, on the device that will run it.
set -eu

usage() {
    cat <<'TEXT'
usage: docker/compile.sh MODEL.onnx [-o MODEL.plan] [--timing-cache FILE] [OPTION ...]

Builds a TensorRT plan from MODEL.onnx with `edgefer compile`, in edgefer's container. Run it on
the device that will run the plan: a plan holds only for the GPU and the TensorRT it was built on.
The plan, its manifest and the timing cache lie beside the model, or where -o says, and belong to
you. Every other OPTION goes to `edgefer compile`, such as --precision best or --max-batch 8.

environment:
  EDGEFER_IMAGE    the image; default edgefer:l4t-r32, edgefer:l4t-r36 or edgefer:x86, by L4T
  VIDEO_GID        the group of /dev/nvmap and /dev/nvhost*; default 44
  DOCKER           the program to run; default docker
TEXT
}

fail() {
    printf 'compile.sh: %s\n' "$1" >&2
    exit "${2:-2}"
}

model=""
plan=""
cache=""
options=()
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help)
            usage
            exit 0
            ;;
        -o | --output)
            [ $# -ge 2 ] || fail "$1 needs a file after it"
            plan="$2"
            shift 2
            ;;
        --output=*)
            plan="${1#*=}"
            shift
            ;;
        --timing-cache)
            [ $# -ge 2 ] || fail "$1 needs a file after it"
            cache="$2"
            shift 2
            ;;
        --timing-cache=*)
            cache="${1#*=}"
            shift
            ;;
        --config | --config=*)
            fail "--config names a file that the container does not see; give its settings as options"
            ;;
        *.onnx)
            [ -z "$model" ] || fail "two models are given, $model and $1; it takes one"
            model="$1"
            shift
            ;;
        *)
            options+=("$1")
            shift
            ;;
    esac
done

[ -n "$model" ] || {
    usage >&2
    exit 2
}
[ -f "$model" ] || fail "no file $model"
[ -n "$plan" ] || plan="${model%.onnx}.plan"

# Folders are mounted, not files: a plan is written beside itself first, then takes its name.
folder_of() {
    (cd -P -- "$(dirname -- "$1")" 2>/dev/null && pwd) || fail "no folder $(dirname -- "$1")"
}
model_folder="$(folder_of "$model")"
plan_folder="$(folder_of "$plan")"
[ -w "$plan_folder" ] || fail "$plan_folder cannot be written; give another place: -o FILE"
for folder in "$model_folder" "$plan_folder"; do
    case "$folder" in
        *:*) fail "$folder has a colon in its name, which docker cannot mount; rename it" ;;
    esac
done

docker="${DOCKER:-docker}"
command -v "$docker" >/dev/null || fail "no $docker on this machine; JetPack and docker.com have it" 8

release="${EDGEFER_L4T_RELEASE:-/etc/nv_tegra_release}"
gpu=(--gpus all)
image="edgefer:x86"
recipe="docker/Dockerfile.x86"
if [ -r "$release" ]; then
    gpu=(--runtime nvidia --volume "$release:/etc/nv_tegra_release:ro")
    case "$(head -n 1 "$release")" in
        *R32*) image="edgefer:l4t-r32" ;;
        *R36*) image="edgefer:l4t-r36" ;;
        *)
            [ -n "${EDGEFER_IMAGE:-}" ] || fail "no image is made for this L4T ($(head -n 1 \
                "$release" | cut -c 1-40)); name one: EDGEFER_IMAGE=..." 8
            ;;
    esac
    recipe="docker/Dockerfile.${image#edgefer:}"
fi
image="${EDGEFER_IMAGE:-$image}"
if ! reason="$("$docker" image inspect "$image" 2>&1 >/dev/null)"; then
    case "$reason" in
        *[Pp]ermission\ denied*)
            fail "you may not use docker: sudo usermod -aG docker \"\$USER\", then log in again" 8
            ;;
        *[Cc]annot\ connect*)
            fail "docker does not answer: sudo systemctl start docker" 8
            ;;
    esac
    fail "no image $image here. Build it: docker build -f $recipe -t $image ." 8
fi

mounts=(--volume "$plan_folder:/plan")
inside="/plan/$(basename -- "$model")"
if [ "$model_folder" != "$plan_folder" ]; then
    mounts+=(--volume "$model_folder:/model:ro")
    inside="/model/$(basename -- "$model")"
fi
if [ -n "$cache" ]; then
    cache_folder="$(folder_of "$cache")"
    mounts+=(--volume "$cache_folder:/cache")
    options+=(--timing-cache "/cache/$(basename -- "$cache")")
fi

# --user: what is written belongs to whoever asked. No network: nothing is fetched. The timing
# cache goes into the model folder, so that is the plan's here.
exec "$docker" run --rm --init "${gpu[@]}" \
    --network none --read-only --tmpfs /tmp:size=256m,mode=1777 --shm-size 256m \
    --cap-drop ALL --security-opt no-new-privileges \
    --user "$(id -u):$(id -g)" --group-add "${VIDEO_GID:-44}" --env EDGEFER_MODELS=/plan \
    "${mounts[@]}" "$image" \
    compile "$inside" -o "/plan/$(basename -- "$plan")" ${options[@]+"${options[@]}"}
