"""Reads back what klingd has stored, by another S3 implementation: boto3.

Prints every object of a bucket as JSON, or writes the bytes of one to a file. Keys come from AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY. Exit code 1 when the store refuses.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from s3 import BUCKET, REGION, client


def facts(s3, bucket, key):
    answer = s3.get_object(Bucket=bucket, Key=key)
    content = answer["Body"].read()
    return {
        "key": key,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": answer.get("ContentType"),
        "metadata": answer.get("Metadata", {}),
        "etag": answer.get("ETag", "").strip('"'),
        "headers": answer["ResponseMetadata"]["HTTPHeaders"],
    }


def objects(s3, bucket, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [facts(s3, bucket, item["Key"]) for page in pages for item in page.get("Contents", [])]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--bucket", default=BUCKET)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--key", help="only this object")
    parser.add_argument("--out", type=Path, help="where to write the bytes of --key")
    arguments = parser.parse_args()
    s3 = client(
        arguments.endpoint, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], arguments.region
    )
    try:
        if arguments.key is None:
            print(json.dumps(objects(s3, arguments.bucket, arguments.prefix)))
            return
        if arguments.out:
            content = s3.get_object(Bucket=arguments.bucket, Key=arguments.key)["Body"].read()
            arguments.out.write_bytes(content)
        print(json.dumps([facts(s3, arguments.bucket, arguments.key)]))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"s3_reader.py: {error}")


if __name__ == "__main__":
    main()
