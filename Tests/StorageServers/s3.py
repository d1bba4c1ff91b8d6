"""What the servers and the reader share of the S3 side: one client, by an S3 implementation that is not klingd's."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

REGION = "us-east-1"
BUCKET = "klingd"


def client(endpoint, access_key, secret_key, region=REGION):
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=30,
            # Trailers of checksums are the least portable thing in S3.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={},
        ),
    )


def can_make_bucket(facts):
    """Whether the server of `facts` has its bucket now; raises OSError when it does not answer well yet."""
    s3 = client(facts["endpoint"], facts["access_key"], facts["secret_key"], facts["region"])
    try:
        s3.create_bucket(Bucket=facts["bucket"])
        s3.list_objects_v2(Bucket=facts["bucket"])
    except (BotoCoreError, ClientError) as error:
        raise OSError(str(error)) from error
    return True
