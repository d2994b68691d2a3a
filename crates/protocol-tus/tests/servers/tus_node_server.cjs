// @tus/server with @tus/file-store on a free port; prints the endpoint. The folder is the first argument.
(async () => {
    const load = (name) => import(require.resolve(name));
    const { Server } = await load('@tus/server');
    const { FileStore } = await load('@tus/file-store');
    const server = new Server({ path: '/files', datastore: new FileStore({ directory: process.argv[2] }) });
    const http = server.listen({ host: '127.0.0.1', port: 0 }, () => {
        console.log(`http://127.0.0.1:${http.address().port}/files`);
    });
})();
