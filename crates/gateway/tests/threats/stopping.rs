//! T23: the end of the process, in the midst of things.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::upload_of;
use crate::world::World;

/// A body is on its way under an idempotency key when the runtime ends: whatever holds the key lets go of it, once.
#[test]
fn a_runtime_that_ends_in_the_midst_of_a_body_ends_in_peace() {
    for runtime in
        [Builder::new_current_thread().enable_all().build(), Builder::new_multi_thread().enable_all().build()]
    {
        let runtime: Runtime = runtime.unwrap();
        let (world, stream) = runtime.block_on(async {
            let world = World::new().await;
            let head = format!(
                "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nIdempotency-Key: once\r\n\
                 Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
                world.key,
                upload_of(&world, 5_000).to_string().len()
            );
            let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            // It is said when the body is waited for: the key is held by then.
            let mut go_on = [0; 25];
            stream.read_exact(&mut go_on).await.unwrap();
            (world, stream)
        });
        drop(runtime);
        assert!(world.state.path().join("state/gateway.db").exists());
        drop((stream, world));
    }
}
