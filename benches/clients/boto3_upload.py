"""boto3_upload.py FILE ENDPOINT BUCKET KEY: one multipart upload by boto3's transfer manager, its defaults."""

import sys

import boto3

file, endpoint, bucket, key = sys.argv[1:]
boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").upload_file(file, bucket, key)
