curl -X POST "$BASE/twitter/media/upload" -H "Authorization: Bearer API_KEY" -H "Content-Type: application/json" \
  -d '{"auth_token": "your_auth_token", "media_url": "https://example.com/photo.jpg"}'
