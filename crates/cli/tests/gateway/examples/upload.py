import requests

response = requests.post(
    "$BASE/twitter/media/upload",
    headers={"Authorization": "Bearer API_KEY"},
    json={"auth_token": "your_auth_token", "media_url": "https://example.com/photo.jpg"},
)
print(response.json()["data"]["media_id"])
