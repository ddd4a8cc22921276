#!/usr/bin/env bash
# Collects the 20 PDFs of debian-pdfs.jsonl from their Debian 12 packages into a folder, without installing them.
#
#   docs/benchmarks/questions/collect-debian-pdfs.sh build/debian-pdfs
#   build/cpu/widenet ingest build/debian-pdfs --collection debian-pdfs
set -euo pipefail

out=$(mkdir -p "${1:?usage: collect-debian-pdfs.sh FOLDER}" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 "$work"

apt-get download -q avrdude-doc bash-doc bird-doc dblatex-doc debian-faq debian-policy developers-reference flex-doc \
  gnu-standards graphviz-doc libmpfr-doc libtasn1-doc maint-guide pstoedit quilt r-doc-pdf shared-mime-info >&2
for package in *.deb; do dpkg-deb -x "$package" files; done

while read -r name path; do
  case $path in
    *.gz) gunzip -c "files/$path" >"$out/$name" ;;
    *) cp "files/$path" "$out/$name" ;;
  esac
done <<'EOF'
avrdude.pdf usr/share/doc/avrdude/avrdude.pdf.gz
bash.pdf usr/share/doc/bash/bash.pdf
bird.pdf usr/share/doc/bird-doc/bird.pdf.gz
dblatex-manual.pdf usr/share/doc/dblatex/manual.pdf.gz
debian-faq.pdf usr/share/doc/debian/FAQ/debian-faq.en.pdf.gz
debian-policy.pdf usr/share/doc/debian-policy/policy.pdf.gz
developers-reference.pdf usr/share/developers-reference/developers-reference.pdf
dotguide.pdf usr/share/doc/graphviz/pdf/dotguide.pdf.gz
fhs-3.0.pdf usr/share/doc/debian-policy/fhs/fhs-3.0.pdf.gz
flex.pdf usr/share/doc/flex-doc/flex.pdf.gz
gnu-maintain.pdf usr/share/doc/gnu-standards/maintain.pdf.gz
libtasn1.pdf usr/share/doc/libtasn1-doc/libtasn1.pdf
maint-guide.pdf usr/share/doc/maint-guide/maint-guide.en.pdf
mpfr.pdf usr/share/doc/libmpfr-doc/mpfr.pdf.gz
neatoguide.pdf usr/share/doc/graphviz/pdf/neatoguide.pdf.gz
pstoedit.pdf usr/share/doc/pstoedit/pstoedit.pdf
quilt.pdf usr/share/doc/quilt/quilt.pdf
r-data.pdf usr/share/R/doc/manual/R-data.pdf
r-faq.pdf usr/share/R/doc/manual/R-FAQ.pdf
shared-mime-info-spec.pdf usr/share/doc/shared-mime-info/shared-mime-info-spec.pdf
EOF
find "$out" -name '*.pdf' | wc -l
