//! A real process, killed while it works: the system lets go of its lock, and that is how the others know.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use crate::client::{Client, Sent, Until, client, start};
use crate::world::{World, reopen};

/// Where the child finds the store.
const PATH: &str = "CHUNKWISE_TEST_STORE";

const READY: &str = "the upload is under way";

/// Not a test of its own: what the child of the one below does.
#[ignore = "run by its parent, and killed"]
#[tokio::test]
async fn child() {
    let store = reopen(std::env::var_os(PATH).unwrap().as_ref()).await;
    let key = store.keys().list().await.unwrap().remove(0).id;
    assert_eq!(Client::named(&key, "once").send(&store, Until::Admitted).await, Sent::Died);
    writeln!(std::io::stdout(), "\n{READY}").unwrap();
    std::future::pending().await
}

#[tokio::test]
async fn a_killed_process_lets_go_of_its_requests_and_a_living_one_does_not() {
    let world = World::new();
    let store = start(&world).await;
    let client = client(&store).await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--ignored", "--nocapture"])
        .env(PATH, world.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = said.map_while(Result::ok).any(|line| line == READY);
    if !ready {
        child.kill().ok();
        panic!("the child did not get that far: {:?}", child.wait());
    }
    assert_eq!(client.send(&store, Until::Concluded).await, Sent::Running, "it lives");
    assert_eq!(store.uploads().adopt_unfinished().await.unwrap(), []);

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.folder().join("gateway.db.owner-2").exists(), "it could not tidy up");
    assert_eq!(client.send(&store, Until::Concluded).await, Sent::Answered(Client::answer()));
    let balance = store.ledger().balance(&client.key).await.unwrap();
    assert_eq!((balance.settled, balance.reserved.get()), (crate::client::PRICE, 0));
    world.open().await;
    assert!(!world.folder().join("gateway.db.owner-2").exists(), "the next one does");
}
