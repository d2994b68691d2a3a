const response = await fetch("$BASE/twitter/media/upload", {
  method: "POST",
  headers: { "Authorization": "Bearer API_KEY", "Content-Type": "application/json" },
  body: JSON.stringify({ auth_token: "your_auth_token", media_url: "https://example.com/photo.jpg" }),
});
const answer = await response.json();
console.log(answer.data.media_id);
