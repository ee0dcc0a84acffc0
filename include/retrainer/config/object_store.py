"""The AWS_* variables in the words of each library that reads them, so that they have to be set once.

Delta Lake, Arrow and boto3 (MLflow's artifacts) read the standard names by themselves, and differ in three: boto3 wants
AWS_DEFAULT_REGION, the others AWS_REGION too; Delta Lake wants to be told that an endpoint is plain HTTP, and knows no
endpoint of S3 alone.
"""

from collections.abc import Mapping

STORE_PREFIX = "AWS_"
"""Of the names of variables that say where an object store is and who may use it. They may hold secrets."""


def object_store_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What is to be added to `environ`; nothing that is set is changed."""
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL", "")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else "")
    added = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if not environ.get("AWS_ENDPOINT_URL"):
        added["AWS_ENDPOINT"] = endpoint
    if endpoint.startswith("http://"):
        added["AWS_ALLOW_HTTP"] = "true"
    return {name: value for name, value in added.items() if value and not environ.get(name)}
