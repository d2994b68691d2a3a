// Uploads argv[2] as a video over v1.1, and over v2 with a bearer token and with OAuth 1.0a, with twitter-api-v2.

const fs = require("node:fs");
const https = require("node:https");
const tls = require("node:tls");
const { EUploadMimeType, TwitterApi } = require("twitter-api-v2");

const env = process.env;
const ca = fs.readFileSync(env.SANDBOX_CA);

// The host names stay X's own; only the connection goes elsewhere.
class SandboxAgent extends https.Agent {
  createConnection(options) {
    const host = "127.0.0.1";
    return tls.connect({ host, port: Number(env.SANDBOX_PORT), servername: options.host, ca });
  }
}

async function main() {
  const httpAgent = new SandboxAgent({ keepAlive: false });
  const path = process.argv[2];
  const byOAuth1 = new TwitterApi(
    {
      appKey: env.SANDBOX_CONSUMER_KEY,
      appSecret: env.SANDBOX_CONSUMER_SECRET,
      accessToken: env.SANDBOX_ACCESS_TOKEN,
      accessSecret: env.SANDBOX_ACCESS_SECRET,
    },
    { httpAgent },
  );
  console.log(await byOAuth1.v1.uploadMedia(path, { mimeType: EUploadMimeType.Mp4, longVideo: true }));

  const byBearer = new TwitterApi(env.SANDBOX_TOKEN, { httpAgent });
  const options = { media_type: "video/mp4", media_category: "tweet_video" };
  for (const client of [byBearer, byOAuth1]) {
    const id = await client.v2.uploadMedia(fs.readFileSync(path), options);
    console.log(id);
    const post = await client.v2.tweet("look", { media: { media_ids: [id] } });
    if (!post.data.id) throw new Error("no post id");
  }
}

main().catch((error) => {
  console.error(error, JSON.stringify(error.data));
  process.exit(1);
});
