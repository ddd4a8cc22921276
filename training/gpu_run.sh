#!/bin/bash
# The long training of nano on one or two H100/H200s, in short commands that go on from one another.
#
#   on the machine with the data       training/gpu_run.sh prepare DATA_DIR     the corpus, in a few minutes
#   on the GPU machine, from the root  training/gpu_run.sh smoke                four steps of every stage, with speeds
#                                      training/gpu_run.sh train [MINUTES]      again and again until it says progress 1
#                                      training/gpu_run.sh export DIR           weights and log into DIR
#
# State lies in training/work/nano on the GPU machine.  On a fresh machine, `train` begins from the
# weights in $START_FROM (say models/nano) if that is set, else from nothing.  $TOTAL_MINUTES stretches
# or shortens the recipe's schedule, what was trained before included, so that its end, with small steps and
# rounded weights, falls within the time there is.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
recipe=training/configs/nano.toml
gpus=$( (nvidia-smi -L 2>/dev/null || true) | wc -l)
corpus=training/work/corpus
packages=(anarchism debian-handbook git-doc gnucash-docs libreoffice-help-en-us perl-doc python3.11-doc dict-gcide dict-wn)

export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
export TORCHINDUCTOR_CACHE_DIR=$PWD/training/work/inductor   # compiled once, by the smoke run

unpack_corpus() {
  [ -f $corpus/haystack.u16 ] || xz -dk $corpus/haystack.u16.xz 2>/dev/null ||
    $python -c "import lzma, shutil; shutil.copyfileobj(lzma.open('$corpus/haystack.u16.xz'), open('$corpus/haystack.u16', 'wb'))"
}

launch() {  # launch ARGUMENTS...: train.py on every GPU
  unpack_corpus
  local workers=$(( $(nproc) / (gpus > 0 ? gpus : 1) / 2 ))  # the compiler needs cores too
  if [ "$gpus" -gt 1 ]; then
    $python -m torch.distributed.run --standalone --nproc-per-node "$gpus" training/train.py $recipe --workers "$workers" "$@"
  else
    $python training/train.py $recipe --workers "$((workers > 0 ? workers : 0))" "$@"
  fi
}

case ${1:-} in
  prepare)
    mkdir -p training/work/debian
    (cd training/work/debian && apt-get download "${packages[@]}" && for file in *.deb; do dpkg-deb -x "$file" unpacked; done)
    $python training/corpus.py --data "$2" --debian training/work/debian/unpacked --out $corpus
    rm -f $corpus/haystack.u16
    du -sh $corpus ;;
  smoke)   launch --smoke ;;
  train)   launch --minutes "${2:-8}" --save-every 4 ${TOTAL_MINUTES:+--total-minutes "$TOTAL_MINUTES"} ${START_FROM:+--start-from "$START_FROM"} ;;
  export)
    $python training/export.py $recipe --out "$2/nano"
    cp training/work/nano/log.jsonl "$2/nano/" ;;
  *) grep '^#  ' "$0"; exit 2 ;;
esac
