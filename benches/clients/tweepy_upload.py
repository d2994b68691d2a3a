"""Uploads argv[2] as a video with tweepy to the sink at port argv[1], over HTTP, in segments of 4 MiB."""

import sys

import requests
import tweepy


class Plain(requests.adapters.HTTPAdapter):
    """tweepy has "https" written into it; the bytes are to go over HTTP."""

    def send(self, request, **kwargs):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **kwargs)


port, path = sys.argv[1:]
auth = tweepy.OAuth1UserHandler("key", "secret", "token", "secret")
api = tweepy.API(auth, upload_host="127.0.0.1:" + port)
api.session.mount("https://", Plain())
media = api.chunked_upload(path, file_type="video/mp4", media_category="tweet_video", chunk_size=4 << 20)
print(media.media_id_string)
