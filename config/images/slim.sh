#!/bin/sh
# Takes 245 MB out of /opt/environment that a model server never loads: tests, sources and stubs, libraries that nothing
# else links, clients of services that it does not use.
set -eu

packages=$(/opt/environment/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cd "$packages"

for package in croniter joblib numpy pandas pyarrow scipy skops sklearn; do
    find "$package" -type d \( -name test -o -name tests \) -prune -exec rm -rf {} +
done
rm -rf alembic/testing sqlalchemy/testing xgboost/testing
# What compilers and type checkers read.
find . -type f \( -name '*.pxd' -o -name '*.pxi' -o -name '*.pyi' -o -name '*.pyx' \) -delete
# Arrow's own RPC, its C++ sources and two copies of a library that is loaded by its third name; ONNX Runtime for programs
# in C, which its Python module does not use, and its tools for changing models.
rm -rf pyarrow/include pyarrow/src pyarrow/flight.py pyarrow/_flight.* pyarrow/libarrow_flight.* pyarrow/libarrow_python_flight.*
rm -rf pyarrow/libarrow_python.so pyarrow/libarrow_python.so.*.*
rm -rf onnxruntime/capi/libonnxruntime.so.* onnxruntime/datasets onnxruntime/quantization onnxruntime/tools onnxruntime/transformers
# XGBoost on clusters; Rich's colours for other languages than Python.
rm -rf xgboost/dask xgboost/spark
find pygments/lexers -type f ! -name '__init__.*' ! -name '_mapping.*' ! -name 'python.*' -delete
# AWS's 400 services but storage and the ways to sign in to it.
find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name signin ! -name sso ! -name sso-oidc ! -name sts \
    -exec rm -rf {} +
# MLflow's client of Databricks with what only that needs. MLflow looks into the folder `databricks` when it is imported.
rm -rf databricks/* databricks_sdk-* google/auth google/oauth2 google_auth-* pyasn1 pyasn1-* pyasn1_modules pyasn1_modules-*
