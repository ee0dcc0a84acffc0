#!/bin/sh
# Takes 180 MB out of /opt/environment that a model server never loads: tests, and libraries that nothing else links.
set -eu

packages=$(/opt/environment/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cd "$packages"

for package in croniter numpy pandas pyarrow scipy skops sklearn; do
    find "$package" -type d -name tests -prune -exec rm -rf {} +
done
# Arrow's own RPC and its C++ headers; ONNX Runtime for programs in C, which its Python module does not use, and its tools
# for changing models.
rm -rf pyarrow/include pyarrow/flight.py pyarrow/_flight.* pyarrow/libarrow_flight.* pyarrow/libarrow_python_flight.*
rm -rf onnxruntime/capi/libonnxruntime.so.* onnxruntime/datasets onnxruntime/quantization onnxruntime/tools onnxruntime/transformers
