"""Uploads argv[1] as a video, and its first bytes as an image, with tweepy."""

import io
import os
import sys

env = os.environ
env["REQUESTS_CA_BUNDLE"] = env["SANDBOX_CA"]

import tweepy  # noqa: E402  (the authority has to be known first)

auth = tweepy.OAuth1UserHandler(
    env["SANDBOX_CONSUMER_KEY"],
    env["SANDBOX_CONSUMER_SECRET"],
    env["SANDBOX_ACCESS_TOKEN"],
    env["SANDBOX_ACCESS_SECRET"],
)
api = tweepy.API(auth, upload_host="127.0.0.1:" + env["SANDBOX_PORT"])
path = sys.argv[1]

video = api.chunked_upload(path, file_type="video/mp4", media_category="tweet_video")
assert video.processing_info["state"] == "succeeded", video.processing_info
print(video.media_id_string)

with open(path, "rb") as file:
    image = api.simple_upload("image.png", file=io.BytesIO(file.read(1000)))
print(image.media_id_string)

try:
    api.get_media_upload_status(image.media_id)
except tweepy.NotFound as error:
    assert error.api_codes == [34], error
else:
    raise AssertionError("an image has no status")
