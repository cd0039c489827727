#!/bin/sh
# Makes kernels.ptx from the sources beside it, with the clang that is named: `make ptx`.
# Debian's clang has the back end for NVIDIA's GPUs; NVIDIA's toolkit is not needed.
set -eu
cd "$(dirname "$0")"
clang=${1:-clang}
echo "// $($clang --version | head -n 1)"
echo "// sha256 of the sources: $(cat arithmetic.h machine.h switching.h transform.h vector.h kernels.c | sha256sum | cut -d ' ' -f 1)"
exec "$clang" -x cuda -nocudainc -nocudalib --cuda-device-only --cuda-gpu-arch=sm_70 -O3 -Wall -Werror -S -o - kernels.c
