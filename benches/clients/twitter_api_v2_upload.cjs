// Uploads argv[4] as a video with twitter-api-v2 (v1.1, segments of 4 MiB, four at a time) to the sink at port argv[2] over TLS,
// believing the authority in argv[3].

const fs = require("node:fs");
const https = require("node:https");
const tls = require("node:tls");
const { EUploadMimeType, TwitterApi } = require("twitter-api-v2");

const [port, ca, path] = process.argv.slice(2);

// The host names stay X's own; only the connection goes elsewhere.
class SinkAgent extends https.Agent {
  createConnection(options) {
    return tls.connect({ host: "127.0.0.1", port: Number(port), servername: options.host, ca: fs.readFileSync(ca) });
  }
}

const httpAgent = new SinkAgent({ keepAlive: true });
const keys = { appKey: "key", appSecret: "secret", accessToken: "token", accessSecret: "secret" };
new TwitterApi(keys, { httpAgent }).v1
  .uploadMedia(path, {
    mimeType: EUploadMimeType.Mp4,
    longVideo: true,
    chunkLength: 4 << 20,
    maxConcurrentUploads: 4,
  })
  .then((id) => { console.log(id); process.exit(0); })
  .catch((error) => { console.error(error); process.exit(1); });
