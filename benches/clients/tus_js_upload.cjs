// tus_js_upload.cjs FILE ENDPOINT: one upload by tus-js-client, in one PATCH (its default).
const fs = require('node:fs')
const tus = require('tus-js-client')

const [path, endpoint] = process.argv.slice(2)
new tus.Upload(fs.createReadStream(path), {
  endpoint,
  uploadSize: fs.statSync(path).size,
  chunkSize: Infinity,
  retryDelays: [],
  metadata: { filename: 'bench', filetype: 'video/mp4' },
  onError(error) {
    console.error(String(error))
    process.exit(1)
  },
}).start()
