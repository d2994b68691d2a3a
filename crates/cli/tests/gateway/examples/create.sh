curl -X POST "$BASE/twitter/tweet/create" -H "Authorization: Bearer API_KEY" -H "Content-Type: application/json" \
  -d '{"auth_token": "your_auth_token", "text": "Posted with a pre-uploaded image", "media_ids": ["2058029045372379136"]}'
